"""The proxy does to requests what it says, and botocore takes it for the service."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config
from chaos.lines import LineLog, read_lines
from chaos.proxy.faults import SHARES, Fault, Faults, Kind
from chaos.proxy.server import Proxy

DATE = "Sat, 21 Nov 2026 04:17:04 GMT"


class Service(ThreadingHTTPServer):
    """Answers everything, and counts."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self.headers["X-Amz-Target"])
        body = json.dumps({"MessageId": "1", "Item": {}}).encode()
        self.send_response_only(200)
        for name, value in {"Date": DATE, "Content-Length": len(body), "X-Amzn-RequestId": "7"}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


class Chosen(Faults):
    """These faults, one after the other, then none."""

    def __init__(self, *faults: Fault | None) -> None:
        super().__init__(0, outages=0, during=0)
        self.left = list(faults)

    def next(self, target: str, server: str = "") -> tuple[int, Fault | None]:
        return 1, self.left.pop(0) if self.left else None


class Between:
    """A service behind a proxy, and clients that try once."""

    def __init__(self, log: Path) -> None:
        self.service, self.log = Service(), log
        self.proxy = Proxy(f"http://127.0.0.1:{self.service.server_port}", Chosen(), LineLog(log))
        for server in (self.service, self.proxy):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def client(self, service: str, tries: int = 1, read_timeout: float = 5) -> Any:
        return botocore.session.Session().create_client(
            service,
            endpoint_url=self.proxy.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": tries, "mode": "standard"}, read_timeout=read_timeout),
        )

    def send(self, **options: Any) -> Any:
        return self.client("sqs", **options).send_message(QueueUrl="http://q/1/q", MessageBody="x")

    def get(self, **options: Any) -> Any:
        return self.client("dynamodb", **options).get_item(TableName="table", Key={"pk": {"S": "k"}})

    def end(self) -> None:
        for server in (self.proxy, self.service):
            server.shutdown()
            server.server_close()


@pytest.fixture
def between(tmp_path: Path) -> Iterator[Between]:
    made = Between(tmp_path / "faults")
    yield made
    made.end()


def test_without_a_fault_the_answer_comes_through_as_it_is_with_its_date(between: Between) -> None:
    answer = between.get()["ResponseMetadata"]
    assert (answer["HTTPStatusCode"], answer["HTTPHeaders"]["date"]) == (200, DATE)
    assert between.service.asked == ["DynamoDB_20120810.GetItem"]
    assert read_lines(between.log) == []


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("service", ["sqs", "dynamodb"])
def test_an_error_reaches_no_service_and_is_one_that_botocore_tries_again(
    between: Between, service: str, chance: float
) -> None:
    between.proxy.faults = Chosen(Fault("error", chance=chance))
    ask = between.send if service == "sqs" else between.get
    assert ask(tries=2)["ResponseMetadata"]["RetryAttempts"] == 1
    assert len(between.service.asked) == 1
    between.proxy.faults = Chosen(Fault("error", chance=chance))
    with pytest.raises(botocore.exceptions.ClientError, match="chaos"):
        ask()


def test_a_lost_answer_is_of_a_request_that_was_done(between: Between) -> None:
    between.proxy.faults = Chosen(Fault("lost answer"))
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        between.send()
    assert between.service.asked == ["AmazonSQS.SendMessage"]
    between.proxy.faults = Chosen(Fault("lost answer"))
    assert between.send(tries=2)["ResponseMetadata"]["RetryAttempts"] == 1
    assert len(between.service.asked) == 3


def test_what_is_sent_twice_is_answered_once(between: Between) -> None:
    between.proxy.faults = Chosen(Fault("sent twice"))
    assert between.send()["MessageId"] == "1"
    assert between.service.asked == ["AmazonSQS.SendMessage"] * 2


@pytest.mark.parametrize(("kind", "asked"), [("slow question", 0), ("slow answer", 1), ("no answer", 1)])
def test_a_client_that_does_not_wait_for_a_slow_service_may_have_asked_or_not(
    between: Between, kind: Kind, asked: int
) -> None:
    between.proxy.faults = Chosen(Fault(kind, seconds=30))
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        between.get(read_timeout=1)
    assert len(between.service.asked) == asked


def test_each_fault_is_written_down(between: Between) -> None:
    between.proxy.faults = Chosen(Fault("sent twice"), None)
    between.send()
    between.send()
    lines = [{name: line[name] for name in ("request", "fault")} for line in read_lines(between.log)]
    assert lines == [{"request": "AmazonSQS.SendMessage", "fault": "sent twice"}]


def test_one_seed_has_the_same_faults_for_the_same_requests_in_whatever_order() -> None:
    def drawn(seed: int, *targets: str) -> dict[tuple[str, int], Fault | None]:
        faults = Faults(seed, outages=0, during=0)
        faults.on()
        return {(target, found[0]): found[1] for target in targets if (found := faults.next(target))}

    targets = ["AmazonSQS.SendMessage"] * 300 + ["DynamoDB_20120810.PutItem"] * 300
    assert drawn(7, *targets) == drawn(7, *reversed(targets))
    assert drawn(7, *targets) != drawn(8, *targets)
    kinds = {fault.kind for fault in drawn(7, *targets).values() if fault}
    assert kinds == {*SHARES, "sent twice"}


def test_a_server_that_is_cut_off_gets_no_answer_and_the_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.proxy.faults.SHARES", {})
    faults = Faults(1, outages=0, during=0)
    faults.on()
    faults.cut("w1", "DynamoDB_20120810")
    asked = [("DynamoDB_20120810.PutItem", "w1"), ("DynamoDB_20120810.PutItem", "w2"), ("AmazonSQS.SendMessage", "w1")]
    monkeypatch.setattr("chaos.proxy.faults.SENT_TWICE", 0)
    found = [faults.next(*one)[1] for one in asked]
    assert [fault and fault.kind for fault in found] == ["no answer", None, None]
    faults.join("w1")
    assert faults.next(*asked[0])[1] is None


def test_the_proxy_knows_who_asks_by_the_access_key(between: Between) -> None:
    between.proxy.faults = Chosen(Fault("sent twice"))
    between.send()
    assert read_lines(between.log)[0]["server"] == "test"


def test_only_once_on_and_until_off_there_are_faults_outages_included() -> None:
    faults = Faults(1, outages=6, during=0)
    assert [faults.next("DynamoDB_20120810.PutItem")[1] for _ in range(200)] == [None] * 200
    faults.on()
    assert [faults.next("DynamoDB_20120810.PutItem")[1] for _ in range(3)] != [None] * 3
    faults.off()
    assert [faults.next("DynamoDB_20120810.PutItem")[1] for _ in range(200)] == [None] * 200
