"""The trigger's function against SQS, Secrets Manager, load balancing and EC2 (moto's, over HTTP), and real servers."""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from rota.envelope import Envelope
from rota.key_rotation import encode, new_key
from rota.signature import verify
from rota.trigger import function, outcomes
from rota.trigger.config import VARIABLE, EndpointConfig, TriggerConfig

REGION = "us-east-1"
KEY = new_key(since="2026-11-21T11:00:00Z")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Fleet:
    """One server that answers as it is told, and remembers what it was sent."""

    def __init__(self) -> None:
        self.status, self.said, self.headers = 200, b"", {"rota-version": "1.0"}
        self.posts: list[tuple[dict[str, str], dict[str, Any]]] = []
        fleet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                verify(
                    [KEY.secret],
                    message_id=self.headers["webhook-id"],
                    timestamp=self.headers["webhook-timestamp"],
                    signature=self.headers["webhook-signature"],
                    body=body,
                    now=time.time(),
                )
                fleet.posts.append((dict(self.headers), json.loads(body)))
                self.send_response(fleet.status)
                for name, value in {**fleet.headers, "content-length": str(len(fleet.said))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(fleet.said)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class Deployment:
    """A trigger's deployment, and what Lambda's event source mapping does with it."""

    def __init__(self, moto: str, fleet: Fleet, patch: pytest.MonkeyPatch) -> None:
        known = {"region_name": REGION, "endpoint_url": moto, "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        self.sqs: Any = boto3.client("sqs", **known)
        self.elb: Any = boto3.client("elbv2", **known)
        self.ec2: Any = boto3.client("ec2", **known)
        name = f"t{time.time_ns()}"
        self.queue = self.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
        self.dead = self.sqs.create_queue(QueueName=f"{name}_dead")["QueueUrl"]
        secrets: Any = boto3.client("secretsmanager", **known)
        secret = secrets.create_secret(Name=name, SecretString=encode((KEY,)))["ARN"]
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self.fleet = fleet
        self.groups = {
            kind: self.elb.create_target_group(
                Name=f"{kind}{name[-20:]}", Protocol="HTTP", Port=fleet.port, VpcId=vpc, TargetType=kind
            )["TargetGroups"][0]["TargetGroupArn"]
            for kind in ("ip", "instance")
        }
        closed = self._closed_port()
        self.endpoints = {
            "web": self._endpoint(fleet.port, target_group=self.groups["ip"]),
            "ec2": self._endpoint(fleet.port, target_group=self.groups["instance"]),
            "gone": self._endpoint(closed),
        }
        config = TriggerConfig(
            deployment="shop-default",
            queue=self.queue,
            dead_letters=self.dead,
            secret=secret,
            endpoints=self.endpoints,
        )
        self.environment = {
            VARIABLE: config.encode(),
            "AWS_ENDPOINT_URL": moto,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        for variable, value in self.environment.items():
            patch.setenv(variable, value)
        patch.setattr(function, "_made", [])

    def send(self, body: object, **attributes: str) -> None:
        self.sqs.send_message(
            QueueUrl=self.queue,
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )

    def invoke(self) -> tuple[int, int]:
        """One batch, as Lambda polls it; how many messages it had, and how many of them failed."""
        received = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages", [])
        if not received:
            return 0, 0
        records = [
            {
                "messageId": one["MessageId"],
                "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
                "attributes": one["Attributes"],
                "messageAttributes": {
                    name: {"stringValue": value["StringValue"], "dataType": "String"}
                    for name, value in one.get("MessageAttributes", {}).items()
                },
            }
            for one in received
        ]
        answer = function.handler({"Records": records}, None)
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=record["receiptHandle"])
        return len(records), len(failed)

    def next_batch(self) -> tuple[int, int]:
        """The next that is there, within 20 seconds."""
        until = time.monotonic() + 20
        while not (found := self.invoke())[0] and time.monotonic() < until:
            time.sleep(0.2)
        return found

    def until_quiet(self) -> None:
        while self.invoke()[0]:
            pass

    def waiting(self) -> tuple[int, int, int]:
        """Messages that are visible, hidden and delayed."""
        names = ["", "NotVisible", "Delayed"]
        said = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["All"])["Attributes"]
        visible, hidden, delayed = (int(said[f"ApproximateNumberOfMessages{name}"]) for name in names)
        return visible, hidden, delayed

    def letters(self) -> list[tuple[str, dict[str, str]]]:
        received = self.sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return [
            (one["Body"], {name: value["StringValue"] for name, value in one.get("MessageAttributes", {}).items()})
            for one in received
        ]

    @staticmethod
    def _endpoint(port: int, **changes: Any) -> EndpointConfig:
        return EndpointConfig(
            address="127.0.0.1",
            port=port,
            tls=False,
            host="app.example.com",
            path="/jobs",
            idle_timeout=10.0,
            lease=30.0,
            **changes,
        )

    @staticmethod
    def _closed_port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return int(listener.getsockname()[1])


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    made = Fleet()
    yield made
    made.stop()


@pytest.fixture
def deployment(moto: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return Deployment(moto, fleet, monkeypatch)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_a_rule_fired_is_posted_signed_and_deleted(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.send(
        {
            "rota": 1,
            "job": "refresh-prices",
            "fired_at": "2026-11-21T11:05:42Z",
            "payload": {"card": "4111"},
            "post": {"endpoints": ["web"], "timeout": 5},
        }
    )
    assert deployment.invoke() == (1, 0)
    [(headers, body)] = deployment.fleet.posts
    assert body == {
        "rota": 1,
        "job": "refresh-prices",
        "endpoint": "web",
        "run": "refresh-prices@2026-11-21T11:05:00Z",
        "scheduled_at": "2026-11-21T11:05:00Z",
        "fired_at": "2026-11-21T11:05:42Z",
        "payload": {"card": "4111"},
    }
    assert headers["host"] == "app.example.com"
    assert deployment.waiting() == (0, 0, 0)
    [line] = lines(capsys)
    assert line["event"] == "posted"
    assert {name: line[name] for name in ("deployment", "job", "run", "endpoint", "attempt", "status", "reason")} == {
        "deployment": "shop-default",
        "job": "refresh-prices",
        "run": "refresh-prices@2026-11-21T11:05:00Z",
        "endpoint": "web",
        "attempt": 1,
        "status": 200,
        "reason": "the endpoint answered 200",
    }
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("rota", [["deployment", "job", "endpoint"]])
    assert {metric["Name"] for metric in directive["Metrics"]} == {"Posted", "Succeeded", "Duration"}
    assert (line["Posted"], line["Succeeded"]) == (1, 1)
    assert "4111" not in json.dumps(line)
    assert KEY.secret not in json.dumps(line)


def test_several_jobs_and_endpoints_are_split_and_a_failed_one_alone_comes_again(deployment: Deployment) -> None:
    post = {"endpoints": ["web", "gone"]}
    deployment.send({"rota": 1, "scheduled_at": "2026-11-21T11:05:00Z", "jobs": ["a", "b"], "post": post})
    assert deployment.invoke() == (1, 0)
    assert deployment.fleet.posts == []
    assert deployment.waiting() == (4, 0, 0)
    assert deployment.invoke() == (4, 2)
    assert sorted(body["job"] for _, body in deployment.fleet.posts) == ["a", "b"]
    assert deployment.waiting() == (0, 2, 0)


def test_a_hidden_message_comes_again_with_the_same_id(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "LEAST_WAIT", 1)
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web"]}})
    deployment.fleet.status, deployment.fleet.headers["retry-after"] = 202, "1"
    # First as a new message, which says that it runs; then that is hidden, and comes again.
    assert deployment.invoke() == (1, 0)
    assert deployment.waiting() == (0, 0, 1)
    assert deployment.next_batch() == (1, 1)
    assert deployment.waiting() == (0, 1, 0)
    deployment.fleet.status = 200
    assert deployment.next_batch() == (1, 0)
    assert len({headers["webhook-id"] for headers, _ in deployment.fleet.posts}) == 1
    [first, second, third] = [body for _, body in deployment.fleet.posts]
    assert first == second == third
    assert deployment.waiting() == (0, 0, 0)


def test_a_failed_attempt_is_followed_by_the_next(deployment: Deployment) -> None:
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web"], "attempts": 2}})
    deployment.fleet.status = 500
    deployment.fleet.said = b'{"rota":1,"job":"a","outcome":"failed","error":"ValueError: x","attempt":2,"again_in":0}'
    assert deployment.invoke() == (1, 0)
    deployment.fleet.said = (
        b'{"rota":1,"job":"a","outcome":"failed","error":"ValueError: y","reason":"no","final":true}'
    )
    assert deployment.invoke() == (1, 0)
    (_, first), (_, second) = deployment.fleet.posts
    assert second == {**first, "attempt": 2, "error": "ValueError: x"}
    [(body, said)] = deployment.letters()
    assert Envelope.decode(body).redrives == 1
    assert (said["rota.reason"], said["rota.error"], said["rota.attempts"]) == ("no", "ValueError: y", "2")


def test_where_nobody_answers_the_deadline_ends_it_and_a_redrive_runs_it(deployment: Deployment) -> None:
    due = datetime.now(UTC) - timedelta(seconds=90)
    post = {"endpoints": ["gone"], "start_deadline": 60}
    deployment.send({"rota": 1, "job": "a", "scheduled_at": due.isoformat(), "post": post})
    assert deployment.invoke() == (1, 0)
    [(body, said)] = deployment.letters()
    assert said["rota.reason"].startswith("not started in time: no connection to 127.0.0.1:")
    assert said["rota.endpoint"] == "gone"
    deployment.send(body.replace('"gone"', '"web"'))
    assert deployment.invoke() == (1, 0)
    assert deployment.fleet.posts[0][1]["redrives"] == 1


def test_what_cannot_be_read_is_a_dead_letter_beside_others_that_can(deployment: Deployment) -> None:
    deployment.send("no json")
    deployment.send({"rota": 1, "job": "a"})
    deployment.send({"rota": 1, "job": "b", "post": {"endpoints": ["web"]}})
    assert deployment.invoke() == (3, 0)
    reasons = {body[:7]: said["rota.reason"] for body, said in deployment.letters()}
    assert reasons["no json"].startswith("not JSON")
    assert any("this trigger has several" in reason for reason in reasons.values())
    assert [body["job"] for _, body in deployment.fleet.posts] == ["b"]


def test_a_record_that_raises_stays_and_the_others_do_not_suffer(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.send({"rota": 1, "job": "b", "post": {"endpoints": ["web"]}})
    [one] = deployment.sqs.receive_message(QueueUrl=deployment.queue, AttributeNames=["All"])["Messages"]
    good = {
        "messageId": "good",
        "receiptHandle": one["ReceiptHandle"],
        "body": one["Body"],
        "attributes": one["Attributes"],
        "messageAttributes": {},
    }
    bad = {"messageId": "bad", "attributes": {}}
    unhideable = {
        **good,
        "messageId": "unhideable",
        "receiptHandle": "none",
        "body": good["body"].replace("web", "gone"),
    }
    answer = function.handler({"Records": [bad, good, unhideable]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}, {"itemIdentifier": "unhideable"}]}
    told = {line["message"]: line for line in lines(capsys) if line["event"] == "error"}
    assert "KeyError: 'body'" in told["bad"]["traceback"]
    assert "sqs ChangeMessageVisibility: " in told["unhideable"]["traceback"]
    assert len(deployment.fleet.posts) == 1


def test_what_is_not_due_is_not_posted(deployment: Deployment) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    deployment.send({"rota": 1, "job": "a", "not_before": later, "post": {"endpoints": ["web"]}})
    assert deployment.invoke() == (1, 1)
    assert (deployment.fleet.posts, deployment.waiting()) == ([], (0, 1, 0))


def test_more_servers_than_a_batch_has_messages_each_get_one(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = [{"Id": f"127.0.0.{number}", "Port": deployment.fleet.port} for number in range(1, 13)]
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["ip"], Targets=targets)
    due = "2026-11-21T11:05:00Z"
    deployment.send({"rota": 1, "job": "a", "scheduled_at": due, "post": {"endpoints": ["web/*"]}})
    assert deployment.invoke() == (1, 0)
    assert deployment.waiting() == (12, 0, 1)
    # The first of them answers; at the others' addresses nobody listens, and these have left meanwhile.
    deployment.elb.deregister_targets(TargetGroupArn=deployment.groups["ip"], Targets=targets[1:])
    deployment.until_quiet()
    assert [body["endpoint"] for _, body in deployment.fleet.posts] == [f"web/127.0.0.1:{deployment.fleet.port}"]
    assert deployment.waiting() == (0, 0, 1)
    told = lines(capsys)
    assert [line["Servers"] for line in told if line["event"] == "every server"] == [12]
    left = [line for line in told if line["event"] == "server left"]
    assert sorted(server for line in left for server in line["left"]) == sorted(
        f"{target['Id']}:{target['Port']}" for target in targets[1:]
    )
    assert {line["ServersLeft"] for line in left} == {1}


def test_a_server_that_leaves_with_a_run_leaves_word_of_it(deployment: Deployment) -> None:
    gone = {"endpoints": ["web/127.0.0.9:1"]}
    deployment.send({"rota": 1, "job": "never-begun", "run": "r", "post": gone})
    deployment.send({"rota": 1, "job": "redriven", "run": "r", "redrives": 1, "post": gone})
    unknown = {"rota.unknown_since": "2026-11-21T11:05:00Z", "rota.first_sent": "2026-11-21T11:05:00Z"}
    deployment.send({"rota": 1, "job": "unknown", "run": "r", "post": gone}, **unknown)
    assert deployment.invoke() == (3, 0)
    assert {said["rota.job"]: said["rota.reason"] for _, said in deployment.letters()} == {
        "redriven": "server left",
        "unknown": "outcome unknown, and the server has left",
    }


def test_a_server_that_is_expected_back_is_waited_for(deployment: Deployment) -> None:
    target = {"Id": "127.0.0.9", "Port": deployment.fleet.port}
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["ip"], Targets=[target])
    name = f"web/127.0.0.9:{deployment.fleet.port}"
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": [name]}})
    assert deployment.invoke() == (1, 1)
    assert deployment.waiting() == (0, 1, 0)


def test_no_healthy_server_backs_off_and_is_then_a_dead_letter(deployment: Deployment) -> None:
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web/*"]}})
    assert deployment.invoke() == (1, 1)
    due = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    post = {"endpoints": ["web/*"], "start_deadline": 60}
    deployment.send({"rota": 1, "job": "b", "scheduled_at": due, "post": post})
    assert deployment.invoke() == (1, 0)
    [(_, said)] = deployment.letters()
    assert (said["rota.reason"], said["rota.endpoint"]) == ("not started in time: no server is healthy", "web/*")


def test_the_roll_is_called_and_tells_who_joined_and_left(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    port = deployment.fleet.port
    target = {"Id": "127.0.0.1", "Port": port}
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["ip"], Targets=[target])
    roll_call = {"endpoint": "web", "asked": ["10.0.0.1:80", "10.0.0.2:80"]}
    deployment.send({"rota": 1, "job": "a", "roll_call": roll_call})
    assert deployment.invoke() == (1, 0)
    [line] = lines(capsys)
    assert (line["joined"], line["left"]) == ([f"127.0.0.1:{port}"], ["10.0.0.1:80", "10.0.0.2:80"])
    assert (line["ServersJoined"], line["ServersLeft"], line["endpoint"]) == (1, 2, "web")


def test_instances_are_reached_at_their_private_address(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = deployment.ec2.describe_images()["Images"][0]["ImageId"]
    [instance] = deployment.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    port = deployment.fleet.port
    target = {"Id": instance["InstanceId"], "Port": port}
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["instance"], Targets=[target])
    connect, addresses = socket.create_connection, []

    def to_loopback(address: tuple[str, int], *rest: Any, **named: Any) -> socket.socket:
        if address[1] == port:
            addresses.append(address[0])
            address = ("127.0.0.1", port)
        return connect(address, *rest, **named)

    monkeypatch.setattr("rota.trigger.http.socket.create_connection", to_loopback)
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["ec2/*"]}})
    deployment.until_quiet()
    [(_, body)] = deployment.fleet.posts
    assert (body["endpoint"], body["run"]) == (
        f"ec2/{instance['InstanceId']}:{port}",
        f"r/ec2/{instance['InstanceId']}:{port}",
    )
    assert addresses == [instance["PrivateIpAddress"]]


def test_a_warm_start_reads_nothing_again(deployment: Deployment) -> None:
    for _ in range(3):
        deployment.send({"rota": 1, "job": "a", "post": {"endpoints": ["web"]}})
        assert deployment.invoke() == (1, 0)
    assert len(function._made) == 1


def test_a_fresh_process_imports_little(deployment: Deployment) -> None:
    deployment.fleet.said = b"{}"
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": '{"rota":1,"job":"a","post":{"endpoints":["web"]}}',
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(round(time.time() * 1000))},
        "messageAttributes": {},
    }
    code = (
        "import json, sys\n"
        "from rota.trigger.function import handler\n"
        f"assert handler({{'Records': [{record!r}]}}, None) == {{'batchItemFailures': []}}\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **deployment.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(json.loads(found.stdout.splitlines()[-1]))
    ours = {name for name in modules if name.split(".")[0] == "rota" and not name.startswith("rota.trigger")}
    assert ours == {"rota", "rota.envelope", "rota.errors", "rota.keys", "rota.signature"}
    # Each of these costs a cold start some milliseconds, and is there only where it is needed.
    costly = {"email", "http.client", "ssl", "urllib.parse", "uuid", "logging", "traceback", "xml", "boto3", "pydantic"}
    assert modules & costly == set()
