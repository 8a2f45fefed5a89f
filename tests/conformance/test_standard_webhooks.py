"""Signatures beside the reference packages of the Standard Webhooks specification: PyPI's and npm's `standardwebhooks`.

What rota signs they accept, what they sign rota accepts; what one refuses, so does the other.
"""

import base64
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import standardwebhooks

from rota import key_rotation, keys
from rota.errors import SignatureError
from rota.signature import ID_HEADER, PREFIX, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign, verify

MESSAGE_ID = "msg_3f2a61c0f4d54b0e9d7c2a1b0e9f8d7c"
BODY = json.dumps(
    {"rota": 1, "job": "refresh-prices", "endpoint": "web", "payload": "Grüße, 世界 🎉"}, ensure_ascii=False
)
BODIES = ["{}", BODY, '{"rota":1,"job":"a.b","payload":{"text":"..."}}', "0" * 100_000]

IN_NODE = """
const { Webhook } = require("standardwebhooks");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { secret, body, headers, id, timestamp } = JSON.parse(line);
  let answer;
  try {
    const webhook = new Webhook(secret);
    answer = headers
      ? { accepted: webhook.verify(body, headers, { jsonParse: false }) === undefined }
      : { signature: webhook.sign(id, new Date(timestamp * 1000), body) };
  } catch (error) {
    if (error.name !== "WebhookVerificationError") throw error;
    answer = { accepted: false };
  }
  console.log(JSON.stringify(answer));
});
"""


class Python:
    """PyPI's package."""

    def sign(self, secret: str, timestamp: int, body: str) -> str:
        at = datetime.fromtimestamp(timestamp, UTC)
        return standardwebhooks.Webhook(secret).sign(msg_id=MESSAGE_ID, timestamp=at, data=body)

    def accepts(self, secret: str, headers: dict[str, str], body: str) -> bool:
        try:
            standardwebhooks.Webhook(secret).verify(body, headers, json_parse=False)
        except standardwebhooks.WebhookVerificationError:
            return False
        return True


class Node:
    """npm's package, in one process that answers each line with one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def sign(self, secret: str, timestamp: int, body: str) -> str:
        return str(self._ask(secret=secret, id=MESSAGE_ID, timestamp=timestamp, body=body)["signature"])

    def accepts(self, secret: str, headers: dict[str, str], body: str) -> bool:
        return bool(self._ask(secret=secret, headers=headers, body=body)["accepted"])

    def _ask(self, **question: object) -> dict[str, object]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, object] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    workspace = Path(__file__).parents[2]
    with subprocess.Popen(
        ["node", "-e", IN_NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=workspace, text=True
    ) as process:
        yield Node(process)
        process.stdin.close()  # type: ignore[union-attr] # it is a pipe
        assert process.wait(10) == 0


@pytest.fixture(params=["PyPI", "npm"])
def reference(request: pytest.FixtureRequest) -> Python | Node:
    return Python() if request.param == "PyPI" else request.getfixturevalue("node")


def a_secret(length: int = 32) -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(length)).decode()


def signed(secret: str, body: str, *, timestamp: int | None = None) -> dict[str, str]:
    """The headers that rota writes."""
    at = int(time.time()) if timestamp is None else timestamp
    signature = sign(secret, message_id=MESSAGE_ID, timestamp=at, body=body.encode())
    return {ID_HEADER: MESSAGE_ID, TIMESTAMP_HEADER: str(at), SIGNATURE_HEADER: signature}


@pytest.mark.parametrize("length", [24, 32, 33, 64])
@pytest.mark.parametrize("body", BODIES, ids=["empty", "not ASCII", "dots", "long"])
def test_both_sign_the_same(reference: Python | Node, length: int, body: str) -> None:
    secret, at = a_secret(length), 1763719500
    expected = sign(secret, message_id=MESSAGE_ID, timestamp=at, body=body.encode())
    assert reference.sign(secret, at, body) == expected


@pytest.mark.parametrize("body", BODIES, ids=["empty", "not ASCII", "dots", "long"])
def test_it_accepts_what_rota_signs(reference: Python | Node, body: str) -> None:
    secret = a_secret()
    assert reference.accepts(secret, signed(secret, body), body)


@pytest.mark.parametrize("body", BODIES, ids=["empty", "not ASCII", "dots", "long"])
def test_rota_accepts_what_it_signs(reference: Python | Node, body: str) -> None:
    secret, at = a_secret(), int(time.time())
    signature = reference.sign(secret, at, body)
    given = {"message_id": MESSAGE_ID, "timestamp": str(at), "signature": signature}
    verify([a_secret(), secret], **given, body=body.encode(), now=at)
    with pytest.raises(SignatureError):
        verify([a_secret()], **given, body=body.encode(), now=at)
    with pytest.raises(SignatureError):
        verify([secret], **given, body=body.encode() + b" ", now=at)


def test_it_accepts_either_key_of_a_rotation(reference: Python | Node) -> None:
    old, new, stranger = a_secret(), a_secret(), a_secret()
    at = int(time.time())
    headers = signed(old, BODY, timestamp=at)
    headers[SIGNATURE_HEADER] += " " + signed(new, BODY, timestamp=at)[SIGNATURE_HEADER]
    assert reference.accepts(old, headers, BODY)
    assert reference.accepts(new, headers, BODY)
    assert not reference.accepts(stranger, headers, BODY)


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers | {ID_HEADER: MESSAGE_ID + "0"},
        lambda headers: headers | {TIMESTAMP_HEADER: str(int(headers[TIMESTAMP_HEADER]) + 1)},
        lambda headers: headers | {TIMESTAMP_HEADER: "soon"},
        lambda headers: headers | {SIGNATURE_HEADER: headers[SIGNATURE_HEADER].replace("v1,", "v2,")},
        lambda headers: headers | {SIGNATURE_HEADER: "v1," + base64.b64encode(bytes(32)).decode()},
        lambda headers: headers | {SIGNATURE_HEADER: ""},
    ],
    ids=["id", "timestamp", "no timestamp", "version", "signature", "no signature"],
)
def test_both_refuse_what_is_changed(
    reference: Python | Node, change: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    secret = a_secret()
    headers = change(signed(secret, BODY))
    assert not reference.accepts(secret, headers, BODY)
    with pytest.raises(SignatureError):
        verify_headers(secret, headers)


@pytest.mark.parametrize("away", [-310, 310])
def test_both_refuse_what_is_too_old_or_too_early(reference: Python | Node, away: int) -> None:
    secret = a_secret()
    headers = signed(secret, BODY, timestamp=int(time.time()) + away)
    assert not reference.accepts(secret, headers, BODY)
    with pytest.raises(SignatureError):
        verify_headers(secret, headers)


@pytest.mark.parametrize("away", [-290, 290])
def test_both_accept_what_is_a_little_old_or_early(reference: Python | Node, away: int) -> None:
    secret = a_secret()
    headers = signed(secret, BODY, timestamp=int(time.time()) + away)
    assert reference.accepts(secret, headers, BODY)
    verify_headers(secret, headers)


def test_the_keys_that_rota_makes_are_secrets_there(reference: Python | Node) -> None:
    made = key_rotation.new_key(since="2026-11-21T11:00:00Z")
    (first,) = keys.decode(json.dumps({"keys": [], "first": "aB3" * 14 + "xY"}))  # as Secrets Manager makes it
    for key in (made, first):
        assert reference.accepts(key.secret, signed(key.secret, BODY), BODY)


def verify_headers(secret: str, headers: dict[str, str]) -> None:
    verify(
        [secret],
        message_id=headers[ID_HEADER],
        timestamp=headers[TIMESTAMP_HEADER],
        signature=headers[SIGNATURE_HEADER],
        body=BODY.encode(),
        now=time.time(),
    )
