"""The local AWS's load balancers, reached by their names from a Lambda function; plain boto3, nothing of rota's."""

import io
import json
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rota.testing.local_aws import LocalAws, LocalAwsError, local_aws

FUNCTION = """
import http.client

def handler(event, context):
    connection = http.client.HTTPConnection(event["name"], event["port"], timeout=10)
    connection.request("POST", "/jobs", body=b"{}", headers={"Host": event["host"]} if "host" in event else {})
    answer = connection.getresponse()
    return {"status": answer.status, "body": answer.read().decode()}
"""


class Answering(BaseHTTPRequestHandler):
    """Says which server it is, and the `Host` it was asked for."""

    def do_GET(self) -> None:
        self._say(b"well" if self.path == "/health" else b"", 200 if self.path == "/health" else 404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._say(json.dumps({"server": self.server.server_address[1], "host": self.headers["host"]}).encode(), 200)

    def _say(self, body: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Web:
    """Servers behind an internal load balancer, and a function that posts to it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self._elb, self._lambda = aws.client("elbv2"), aws.client("lambda")
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Answering) for _ in range(3)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        balancer = self._elb.create_load_balancer(Name="web", Subnets=["subnet-1"], Scheme="internal")
        self.name = balancer["LoadBalancers"][0]["DNSName"]
        self.group = self._elb.create_target_group(
            Name="web", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip", HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        for port in (80, 8080):
            self._elb.create_listener(
                LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
                Protocol="HTTP",
                Port=port,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
            )
        self._elb.register_targets(TargetGroupArn=self.group, Targets=self.targets())
        role = aws.client("iam").create_role(RoleName="posts", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("function.py", FUNCTION)
        self._lambda.create_function(
            FunctionName="posts",
            Runtime="python3.13",
            Handler="function.handler",
            Role=role,
            Code={"ZipFile": code.getvalue()},
            Timeout=30,
        )

    def targets(self) -> list[dict[str, Any]]:
        # One address, three ports: macOS has no 127.0.0.2.
        return [{"Id": "127.0.0.1", "Port": server.server_port} for server in self.servers]

    def states(self) -> dict[int, str]:
        told = self._elb.describe_target_health(TargetGroupArn=self.group)["TargetHealthDescriptions"]
        return {each["Target"]["Port"]: each["TargetHealth"]["State"] for each in told}

    def post(self, name: str = "", port: int = 80, **event: str) -> Any:
        payload = json.dumps({"name": name or self.name, "port": port, **event})
        return json.loads(self._lambda.invoke(FunctionName="posts", Payload=payload)["Payload"].read())

    def register(self, *numbers: int) -> None:
        self._elb.register_targets(TargetGroupArn=self.group, Targets=[self.targets()[each] for each in numbers])

    def deregister(self, *numbers: int) -> None:
        self._elb.deregister_targets(TargetGroupArn=self.group, Targets=[self.targets()[each] for each in numbers])


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with local_aws() as aws:
        web = Web(aws)
        try:
            _eventually(lambda: set(web.states().values()) == {"healthy"}, 10)
            yield web
        finally:
            for server in web.servers:
                server.shutdown()
                server.server_close()


@pytest.mark.parametrize("host", ["app.example.com", "s3.amazonaws.com"])
@pytest.mark.parametrize("port", [80, 8080])
def test_a_function_reaches_each_server_by_the_balancers_name_whatever_host_it_asks_for(
    web: Web, host: str, port: int
) -> None:
    answers = [json.loads(web.post(host=host, port=port)["body"]) for _ in range(3)]
    assert {each["server"] for each in answers} == {server.server_port for server in web.servers}
    assert {each["host"] for each in answers} == {host if port == 80 else f"{host}:{port}"}


def test_no_listener_and_no_balancer(web: Web) -> None:
    assert "refused" in web.post(port=81)["errorMessage"]
    assert "nobody.elb.amazonaws.com" in web.post(name="nobody.elb.amazonaws.com")["errorMessage"]
    with pytest.raises(LocalAwsError, match="no load balancer is named 'nobody"):
        web.aws.balancer_url("nobody.elb.amazonaws.com")
    with pytest.raises(LocalAwsError, match="no HTTP listener on port 81"):
        web.aws.balancer_url(web.name, 81)


def test_a_test_reaches_it_too(web: Web) -> None:
    with urllib.request.urlopen(web.aws.balancer_url(web.name) + "/jobs", data=b"{}", timeout=10) as answer:
        assert json.load(answer)["server"] in {server.server_port for server in web.servers}


def test_targets_of_one_address_come_and_go_by_their_ports(web: Web) -> None:
    first, second, third = (server.server_port for server in web.servers)
    web.deregister(1)
    assert set(web.states()) == {first, third}
    web.register(1, 0)
    assert set(web.states()) == {first, second, third}
    _eventually(lambda: web.states()[second] == "healthy", 10)


def test_a_dead_target_is_found_out_by_the_health_checks(web: Web) -> None:
    dead = web.servers[0]
    dead.shutdown()
    dead.server_close()
    statuses = [web.post()["status"] for _ in range(3)]
    assert sorted(statuses) == [200, 200, 502], "until then it gets its share"
    _eventually(lambda: web.states()[dead.server_port] == "unhealthy", 20)
    assert [web.post()["status"] for _ in range(6)] == [200] * 6


def _eventually(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
