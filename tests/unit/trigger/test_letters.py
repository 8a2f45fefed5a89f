"""Messages near the limit of SQS: none is written that it would not take, and none is lost or tried for ever."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.envelope import Envelope, Post
from rota.trigger.config import EndpointConfig, TriggerConfig
from rota.trigger.letters import MAX_BYTES, Letter, dead, dead_as_it_came, letter
from rota.trigger.request import Answer
from rota.trigger.telemetry import Telemetry
from rota.trigger.trigger import Trigger

WEB = Post(endpoints=("web",))


def run(payload: str, **changes: Any) -> Envelope:
    return Envelope(**{"job": "a", "run": "r", "post": WEB, "payload": payload, **changes})


@given(st.text(alphabet=st.sampled_from('a\u00e9\u4ef7\U0001f600\ufffe\uffff\ud800\x00\x1f"\\')), st.booleans())
def test_what_grows_in_ascii_is_written_as_short_as_it_was(text: str, large: bool) -> None:
    payload = text + "\u4ef7" * (300_000 if large else 0)
    made = letter(run(payload))
    assert made.fits
    assert Envelope.decode(made.body) == run(payload)
    # What SQS refuses stays escaped.
    assert not set(made.body) & {*"\ufffe\uffff\x00\x1f", *map(chr, range(0xD800, 0xE000))}


def test_a_dead_letter_has_as_many_attributes_as_fit_beside_its_body() -> None:
    full = dead_as_it_came("x" * MAX_BYTES, "why", run(""))
    assert (full.fits, full.attributes) == (True, {})
    assert dict(dead_as_it_came("x" * (MAX_BYTES - 100), "why", run("")).attributes) == {"rota.reason": "why"}
    made = dead(run("x" * (MAX_BYTES - 300)), "why", error="e" * 1000)
    assert made.fits
    assert "rota.error" not in made.attributes
    assert made.attributes["rota.reason"] == "why"


class Queue:
    """Takes what SQS takes."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self.buried: list[Letter] = []

    def send(self, letters: list[Letter]) -> None:
        assert all(len(one.body.encode()) <= MAX_BYTES for one in letters)
        self.sent += letters

    def bury(self, letter: Letter) -> None:
        assert len(letter.body.encode()) <= MAX_BYTES
        assert letter.weight <= MAX_BYTES
        self.buried.append(letter)


class Poster:
    """Answers by its script."""

    def __init__(self, came: Answer) -> None:
        self.came, self.bodies = came, list[bytes]()

    def post(self, _place: object, _id: str, body: bytes, _remaining: object) -> Answer:
        self.bodies.append(body)
        return self.came


@pytest.fixture
def trigger(endpoint: Callable[..., EndpointConfig]) -> Callable[[Queue, Poster], Trigger]:
    def make(queue: Queue, poster: Poster) -> Trigger:
        places = {"web": endpoint(), "eu": endpoint()}
        config = TriggerConfig(deployment="d", queue="q", dead_letters="dq", secret="s", endpoints=places)
        rest: Any = {"queue": queue, "poster": poster, "aws": None}
        return Trigger(config, telemetry=Telemetry("d"), **rest)

    return make


def filled(character: str, *, room: int = 0, **said: Any) -> str:
    """A message of as many bytes as SQS takes, less `room`."""
    said = {"rota": 1, **said}

    def written(payload: str) -> str:
        return json.dumps({**said, "payload": payload}, ensure_ascii=False, separators=(",", ":"))

    left = MAX_BYTES - room - len(written("").encode())
    wide, narrow = divmod(left, len(character.encode()))
    return written(character * wide + "x" * narrow)


ANSWERS = [Answer(500, b"no"), Answer(400, b"no")]


@pytest.mark.parametrize("came", ANSWERS)
def test_a_run_in_other_than_latin_letters_is_posted_and_sent_again(trigger: Any, record: Any, came: Answer) -> None:
    queue, poster = Queue(), Poster(came)
    body = filled("\u4ef7", room=2000, job="a", run="r", post={"endpoints": ["web"], "attempts": 3})
    assert trigger(queue, poster).handle(record(body), lambda: 90.0)
    [made] = queue.sent + queue.buried
    assert Envelope.decode(made.body).payload == json.loads(body)["payload"]
    # The servers take no more than a queue does.
    assert len(poster.bodies[0]) <= MAX_BYTES


@pytest.mark.parametrize("character", ["x", "\u4ef7"])
@pytest.mark.parametrize("came", ANSWERS)
def test_what_is_too_large_to_be_written_again_is_a_dead_letter_as_it_came(
    trigger: Any, record: Any, character: str, came: Answer
) -> None:
    queue = Queue()
    body = filled(character, job="a", run="r", post={"endpoints": ["web"], "attempts": 3})
    assert trigger(queue, Poster(came)).handle(record(body), lambda: 90.0)
    assert queue.sent == []
    [made] = queue.buried
    assert (made.body, made.attributes) == (body, {})


@pytest.mark.parametrize(
    "said",
    [
        {"job": "a", "post": {"endpoints": ["web", "eu"]}},
        {"jobs": ["a", "b"], "post": {"endpoints": ["web"]}},
        {"jobs": [{"job": "a", "rota": 2}]},
    ],
)
def test_so_is_what_is_too_large_to_be_split(trigger: Any, record: Any, said: dict[str, Any]) -> None:
    queue, body = Queue(), filled("\u4ef7", **said)
    assert trigger(queue, Poster(Answer(200))).handle(record(body, id="m" * 100), lambda: 90.0)
    assert queue.sent == []
    assert [made.body for made in queue.buried] == [body]


def test_what_cannot_be_read_is_counted_too(trigger: Any, record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert trigger(Queue(), Poster(Answer(200))).handle(record("nonsense"), lambda: 90.0)
    line = json.loads(capsys.readouterr().out)
    # CloudWatch drops a metric with an empty dimension.
    assert (line["DeadLettered"], line["job"], line["endpoint"]) == (1, "unknown", "unknown")
