"""Where endpoints are: what is refused at synth, and what the trigger is told."""

import pytest
from aws_cdk import Annotations, App, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Annotations as Found
from aws_cdk.assertions import Match

from rota import Endpoint
from rota_cdk import AlbEndpoint, FanoutTrigger, SynthError, UrlEndpoint

HOST = "app.example.com"


@pytest.fixture
def at(stack):
    """A trigger whose endpoint "web" is there; gives what its function is told of it."""

    def make(place, **declared):
        web = Endpoint(name="web", **declared)
        name = "Trigger" if stack.node.try_find_child("Trigger") is None else "Another"
        trigger = FanoutTrigger(stack, name, manifest="shop", endpoints={web: place})
        return trigger.places["web"].config(web, ledger=False)

    return make


@pytest.fixture
def imported(stack):
    """A listener and a load balancer that other stacks have made."""

    def make(dns="internal-web-1.eu-west-1.elb.amazonaws.com", vpc=None):
        group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
        listener = elbv2.ApplicationListener.from_application_listener_attributes(
            stack, "Listener", listener_arn="arn:aws:elasticloadbalancing:listener/1", security_group=group
        )
        balancer = elbv2.ApplicationLoadBalancer.from_application_load_balancer_attributes(
            stack,
            "Balancer",
            load_balancer_arn="arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/1",
            security_group_id="sg-1",
            load_balancer_dns_name=dns,
            vpc=vpc,
        )
        return listener, balancer

    return make


def test_the_trigger_connects_to_the_balancers_own_name_and_asks_for_the_host(at, balance, stack):
    web = balance()
    told = at(AlbEndpoint(web.listener, host=HOST))

    assert stack.resolve(told.address) == stack.resolve(web.made.load_balancer_dns_name)
    assert (told.port, told.tls, told.host, told.path) == (443, True, HOST, "/jobs")
    assert told.target_group is None


def test_https_without_host_is_refused(at, balance):
    with pytest.raises(SynthError, match=r"endpoint 'web': its listener has HTTPS, .* give host=, a name that is in"):
        at(AlbEndpoint(balance().listener))


def test_plain_http_of_an_internal_balancer_is_said_aloud(at, balance, stack):
    told = at(AlbEndpoint(balance(https=False).listener))

    assert (told.port, told.tls) == (80, False)
    assert stack.resolve(told.host) == stack.resolve(told.address)
    Found.from_stack(stack).has_warning(
        "/Test/Trigger", Match.string_like_regexp("endpoint 'web': its listener speaks plain HTTP, .* acknowledge this")
    )


def test_that_warning_can_be_acknowledged(at, balance, stack):
    at(AlbEndpoint(balance(https=False).listener))

    Annotations.of(stack).acknowledge_warning("rota:plain-http-web", "the VPC is ours alone")

    Found.from_stack(stack).has_no_warning("*", Match.string_like_regexp("plain HTTP"))


def test_https_needs_no_warning(at, balance, stack):
    at(AlbEndpoint(balance().listener, host=HOST))

    Found.from_stack(stack).has_no_warning("*", Match.string_like_regexp(".*"))


def test_plain_http_of_an_internet_facing_balancer_is_refused(at, balance):
    with pytest.raises(SynthError, match=r"'web': its listener speaks plain HTTP on an internet-facing load balancer"):
        at(AlbEndpoint(balance(internal=False, https=False).listener, host=HOST))


@pytest.mark.parametrize("host", ["https://app.example.com", "app.example.com:443", "*.example.com", "localhost", ""])
def test_a_host_that_is_none_is_refused(at, balance, host):
    with pytest.raises(SynthError, match="host must be a name such as"):
        at(AlbEndpoint(balance().listener, host=host))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"priority": 0}, "priority must be from 1 to 50000, or None for no rule; got 0"),
        ({"priority": 50001}, "priority must be from 1 to 50000"),
        ({"server_scheme": "http"}, "server_scheme= says how .* give target_group= as well"),
        ({"server_scheme": "ftp"}, '(?s:.*)server_scheme must be "http" or "https"; got \'ftp\''),
        ({"server_name": "app.example.com"}, "server_name='app.example.com' is checked with server_scheme=\"https\""),
        ({"protocol": "https"}, r"protocol= and port= are for an imported listener; .* port 443, and HTTPS"),
        ({"internal": False}, "internal is False, but the load balancer is known to be internal"),
    ],
)
def test_what_cannot_be_is_refused_by_the_endpoints_name(at, balance, keywords, message):
    with pytest.raises(SynthError, match=rf"endpoint 'web': (?s:.*){message}"):
        at(AlbEndpoint(balance().listener, host=HOST, **keywords))


def test_every_mistake_of_an_endpoint_is_named_at_once(at, balance):
    with pytest.raises(SynthError, match="endpoint 'web': 2 problems\n"):
        at(AlbEndpoint(balance().listener, priority=0))


def test_an_imported_listener_needs_its_load_balancer(at, imported):
    listener, _ = imported()

    with pytest.raises(SynthError, match=r"'web': its listener is imported, .* give load_balancer="):
        at(AlbEndpoint(listener, host=HOST))


def test_an_imported_balancer_is_internal_or_not_by_its_name(at, imported, balance, stack):
    listener, balancer = imported(dns="web-1.eu-west-1.elb.amazonaws.com")
    told = at(AlbEndpoint(listener, load_balancer=balancer, host=HOST, port=8443))

    assert (told.address, told.port, told.tls) == ("web-1.eu-west-1.elb.amazonaws.com", 8443, True)


def test_an_imported_internal_balancer_needs_its_vpc(at, imported):
    listener, balancer = imported()

    with pytest.raises(SynthError, match="'web': its load balancer is internal, and imported without its VPC"):
        at(AlbEndpoint(listener, load_balancer=balancer, host=HOST))


def test_an_imported_plain_listener_of_an_internal_balancer_may_be(at, imported, stack):
    listener, balancer = imported(vpc=ec2.Vpc(stack, "Vpc", max_azs=1))
    told = at(AlbEndpoint(listener, load_balancer=balancer, protocol="http"))

    assert (told.tls, told.port, told.host) == (False, 80, "internal-web-1.eu-west-1.elb.amazonaws.com")


def test_an_imported_balancer_without_a_name_is_refused(at, imported):
    listener, balancer = imported(dns=None)

    with pytest.raises(SynthError, match="load_balancer= is imported without its DNS name"):
        at(AlbEndpoint(listener, load_balancer=balancer, host=HOST))


def test_where_only_the_deploy_knows_the_name_it_must_be_said_whether_it_is_internal(at, imported, stack):
    listener, balancer = imported(dns=Stack.of(stack).region)

    with pytest.raises(SynthError, match="give internal=True or False"):
        at(AlbEndpoint(listener, load_balancer=balancer, host=HOST))
    assert at(AlbEndpoint(listener, load_balancer=balancer, host=HOST, internal=False)).tls


@pytest.mark.parametrize(
    ("url", "address", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/jobs"),
        ("https://example.com/", "example.com", 443, "/jobs"),
        ("https://example.com:8443/eu", "example.com", 8443, "/eu/jobs"),
    ],
)
def test_a_url_gets_the_endpoints_path(at, url, address, port, path):
    told = at(UrlEndpoint(url))

    assert (told.address, told.host, told.port, told.path, told.tls) == (address, address, port, path, True)


def test_a_url_may_hold_what_only_the_deploy_knows(at, stack):
    api = apigateway.CfnRestApi(stack, "Api", name="shop")
    told = at(UrlEndpoint(f"https://{api.ref}.execute-api.eu-west-1.amazonaws.com/prod"))

    assert stack.resolve(told.address)["Fn::Join"][1][1] == ".execute-api.eu-west-1.amazonaws.com"
    assert told.path == "/prod/jobs"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com", r"http://example.com is plain HTTP over the internet, .* give https://, or AlbEndpoint"),
        ("example.com", "url must read .* got 'example.com'"),
        ("https://user:secret@example.com", "url must read"),
        ("https://example.com?key=1", "url must read"),
        ("https://example.com/#top", "url must read"),
        ("https:///jobs", "url must read"),
        ("https://example.com/eu/jobs", "ends in the endpoint's path, .* give https://example.com/eu$"),
    ],
)
def test_a_url_that_cannot_be_is_refused_with_the_way_out(at, url, message):
    with pytest.raises(SynthError, match=f"endpoint 'web': .*{message}"):
        at(UrlEndpoint(url))


def test_a_url_of_which_the_synth_knows_nothing_is_refused(at, stack):
    with pytest.raises(SynthError, match="its beginning must be known at synth"):
        at(UrlEndpoint(Stack(App(), "Other").url_suffix))
