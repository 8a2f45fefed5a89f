"""A deployment of the trigger: SQS, Secrets Manager, load balancing and EC2 (moto's, over HTTP), and real servers."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from rota.key_rotation import encode, new_key
from rota.signature import verify
from rota.trigger import function
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

    key = KEY
    """With which it signs."""

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


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """What the function has written since, a dictionary a line."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
