"""Requests to AWS over real sockets: protocols, connections that are kept, and what is tried again."""

from collections.abc import Callable
from typing import Any

import pytest

from rota.errors import RotaError
from rota.trigger.aws import Aws, AwsError, _Url

Made = Callable[..., Any]
ENVIRONMENT = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "very-secret"}

CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"
"""An answer whose body broke off."""


@pytest.fixture
def aws() -> Made:
    def make(port: int, **changes: str) -> Aws:
        return Aws({**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", **changes}, sleep=lambda _: None)

    return make


def ask(aws: Aws) -> dict[str, Any]:
    return aws.json("sqs", "AmazonSQS.SendMessage", "1.0", {"QueueUrl": "q"})


def test_a_request_in_json(scripted: Made, answer: Made, aws: Made) -> None:
    server = scripted(answer(200, b'{"MessageId": "m"}'))
    assert ask(aws(server.port, AWS_SESSION_TOKEN="session")) == {"MessageId": "m"}
    said = server.headers()
    assert said["x-amz-target"] == "AmazonSQS.SendMessage"
    assert said["x-amz-security-token"] == "session"
    assert "Credential=AKIA/" in said["authorization"]
    assert "/eu-west-1/sqs/aws4_request" in said["authorization"]
    assert server.body() == b'{"QueueUrl": "q"}'


def test_an_empty_answer_is_nothing(scripted: Made, answer: Made, aws: Made) -> None:
    assert ask(aws(scripted(answer(200)).port)) == {}


def test_a_request_in_query(scripted: Made, answer: Made, aws: Made) -> None:
    server = scripted(answer(200, b"<a><b>x</b></a>"))
    found = aws(server.port).query("ec2", "DescribeInstances", "2016-11-15", {"InstanceId.1": "i-1 &"})
    assert found.findtext("b") == "x"
    assert server.body() == b"Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-1%20%26"


@pytest.mark.parametrize("step", ["reset", "close", 500, 503, 429, CUT])
def test_what_another_try_may_mend_is_tried_again(scripted: Made, answer: Made, aws: Made, step: Any) -> None:
    step = answer(step) if isinstance(step, int) else step
    server = scripted(step, step, answer(200, b"{}", connection="close"))
    assert ask(aws(server.port)) == {}
    assert server.connections == 3
    hopeless = scripted(step)
    with pytest.raises(AwsError, match="sqs SendMessage: "):
        ask(aws(hopeless.port))
    assert hopeless.connections == 3


def test_a_throttle_by_its_code(scripted: Made, answer: Made, aws: Made) -> None:
    busy = answer(400, b'{"__type": "com.amazonaws.sqs#ThrottlingException", "message": "slow"}', connection="close")
    server = scripted(busy, answer(200))
    assert ask(aws(server.port)) == {}


@pytest.mark.parametrize(
    "said",
    [
        b'{"__type": "com.amazonaws.sqs#AccessDenied", "message": "no"}',
        b'{"__type": "AccessDenied", "Message": "no"}',
        b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        b"<Response><Errors><Error><Code>AccessDenied</Code><Message>no</Message></Error></Errors></Response>",
    ],
)
def test_a_refusal_names_action_and_code(scripted: Made, answer: Made, aws: Made, said: bytes) -> None:
    server = scripted(answer(403, said))
    with pytest.raises(RotaError) as raised:
        ask(aws(server.port))
    assert str(raised.value) == "sqs SendMessage: AccessDenied (403): no"
    assert server.connections == 1


@pytest.mark.parametrize("said", [b"no", b"[]", b'"x"', b""])
def test_a_refusal_that_is_of_no_protocol(scripted: Made, answer: Made, aws: Made, said: bytes) -> None:
    with pytest.raises(AwsError, match=r"sqs SendMessage: error \(403\)"):
        ask(aws(scripted(answer(403, said)).port))


def test_without_credentials_it_says_so(aws: Made) -> None:
    with pytest.raises(AwsError, match="there are no credentials: AWS_ACCESS_KEY_ID is not set"):
        ask(Aws({"AWS_REGION": "eu-west-1"}))


def test_no_connection_says_where(closed_port: int, aws: Made) -> None:
    with pytest.raises(AwsError, match=f"no answer from 127.0.0.1:{closed_port}: ConnectionRefusedError") as raised:
        ask(aws(closed_port))
    assert "very-secret" not in str(raised.value)


def test_a_connection_is_kept_and_one_that_died_meanwhile_is_replaced(scripted: Made, answer: Made, aws: Made) -> None:
    server = scripted(answer(200, b"{}"))
    made = aws(server.port)
    ask(made)
    # The script ends each connection after one answer: what was kept is dead by now.
    [[kept]] = made._idle.values()
    assert kept.recv(1) == b""
    ask(made)
    assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://sqs.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://sqs.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://a:1"}, "http://a:1"),
        ({"AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_SQS": "http://b:2"}, "http://b:2"),
    ],
)
def test_where_a_service_is(environment: dict[str, str], url: str) -> None:
    region = environment.get("AWS_REGION", "eu-west-1")
    assert Aws({**ENVIRONMENT, **environment})._url("sqs", region) == url


def test_urls() -> None:
    assert _Url.of("https://sqs.eu-west-1.amazonaws.com") == (
        True,
        "sqs.eu-west-1.amazonaws.com",
        "sqs.eu-west-1.amazonaws.com",
        443,
        "/",
    )
    assert _Url.of("http://127.0.0.1:4566/x") == (False, "127.0.0.1:4566", "127.0.0.1", 4566, "/x")
    assert _Url.of("http://[::1]:80") == (False, "[::1]:80", "::1", 80, "/")
