"""`rota enqueue`, against moto."""

import json

import boto3
import pytest
from moto import mock_aws

from rota.settings import QueueSettings, Settings

pytestmark = pytest.mark.usefixtures("application")


@pytest.fixture(autouse=True)
def aws(application, monkeypatch):
    """A deployment: queues and the parameter that names them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        sqs = boto3.client("sqs")
        urls = {name: sqs.create_queue(QueueName=f"shop-default_{name}")["QueueUrl"] for name in ("work", "slow")}
        settings = Settings("shop", "default", {name: QueueSettings(url, url) for name, url in urls.items()})
        boto3.client("ssm").put_parameter(Name="/rota/shop/default", Value=settings.encode(), Type="String")
        yield urls


def received(url):
    messages = boto3.client("sqs").receive_message(QueueUrl=url).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_it_says_the_run_id_and_where_it_went(aws, run):
    code, out, _ = run("enqueue", "greet", '{"name": "you"}')
    [message] = received(aws["work"])
    assert code == 0
    assert message["payload"] == {"name": "you"}
    assert out == f"greet is enqueued: run {message['run']}\n  queue work, stage default, {aws['work']}\n"


def test_for_machines_and_later(aws, run):
    _, out, _ = run("enqueue", "tick", "--delay", "900", "--json")
    read = json.loads(out)
    assert read.pop("run")
    assert read == {
        "job": "tick",
        "targets": ["work"],
        "queue": "work",
        "url": aws["work"],
        "stage": "default",
        "delay": 900,
    }
    assert received(aws["work"]) == []


def test_the_payload_from_stdin(aws, run):
    assert run("enqueue", "greet", "-", stdin='{"name": "pipe"}')[0] == 0
    assert received(aws["work"])[0]["payload"] == {"name": "pipe"}


def test_the_input_of_the_job_where_no_payload_is_given(aws, run):
    assert run("enqueue", "report")[0] == 0
    assert received(aws["slow"])[0]["payload"] == {"name": "daily"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["greet"], "job 'greet': Greeting: name: Field required; got {}; give it as JSON: rota enqueue greet '{...}'"),
        (["greet", '{"name": 1}'], "job 'greet': Greeting: name: Input should be a valid string; got 1"),
        (["greet", "{name}"], "the payload is not JSON: "),
        (["tick", "{}"], "job 'tick' takes no payload; got {}"),
        (["tick", "--delay", "901"], "job 'tick': delay must be from 0:00:00 to 0:15:00; got 0:15:01"),
        (["tik"], "manifest 'shop' has no job 'tik'; did you mean tick?"),
    ],
)
def test_what_is_refused(run, aws, arguments, said):
    code, out, err = run("enqueue", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert err.count("\n") == 1
    assert received(aws["work"]) == []
