"""A run posted: what is tried again at once, and what a 401 brings about."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from rota.envelope import Envelope
from rota.errors import BackendError
from rota.key_rotation import encode, new_key, rotated
from rota.keys import Key, KeyRing
from rota.signature import verify
from rota.trigger.posting import Poster, message_id
from rota.trigger.request import Answer, NoAnswer, Place

Made = Callable[..., Any]
OLD = (new_key(since="2026-11-21T11:00:00Z"),)


class Secret:
    """The keys as they are stored, and a clock."""

    def __init__(self) -> None:
        self.keys: tuple[Key, ...] = OLD
        self.reads = 0
        self.now = 0.0
        self.slept: list[float] = []
        self.poster = Poster(KeyRing(self._read, lambda: self.now), sleep=self.slept.append)

    def _read(self) -> str:
        self.reads += 1
        if not self.keys:
            raise BackendError("secretsmanager GetSecretValue: AccessDenied")
        return encode(self.keys)


@pytest.fixture
def secret() -> Secret:
    return Secret()


@pytest.fixture
def post(endpoint: Made, secret: Secret) -> Made:
    def one(port: int, *, left: float = 90.0, timeout: float = 10.0) -> Answer | NoAnswer:
        place = Place.of(endpoint(port))._replace(timeout=timeout)
        return secret.poster.post(place, "msg_1", b"{}", lambda: left)

    return one


def test_what_is_answered_is_not_asked_again(scripted: Made, answer: Made, post: Made, secret: Secret) -> None:
    server = scripted(answer(200))
    assert post(server.port) == Answer(200)
    assert (server.connections, secret.reads, secret.slept) == (1, 1, [])


def test_no_connection_is_tried_three_times(closed_port: int, post: Made, secret: Secret) -> None:
    assert isinstance(post(closed_port), NoAnswer)
    assert len(secret.slept) == 2


@pytest.mark.parametrize("status", [503, 429])
def test_what_asks_for_a_moment_gets_it(scripted: Made, answer: Made, post: Made, secret: Secret, status: int) -> None:
    server = scripted(answer(status, retry_after="2"), answer(200))
    assert post(server.port) == Answer(200)
    assert len(secret.slept) == 1
    assert 2 < secret.slept[0] < 3
    full = scripted(answer(status, retry_after="0"))
    assert post(full.port).status == status
    assert full.connections == 3


@pytest.mark.parametrize("said", [{}, {"retry_after": "3"}])
def test_what_asks_for_longer_waits_in_the_queue(
    scripted: Made, answer: Made, post: Made, said: dict[str, str]
) -> None:
    server = scripted(answer(503, **said))
    assert post(server.port).status == 503
    assert server.connections == 1


@pytest.mark.parametrize("step", ["reset", "close", 500, 502, 504, 404])
def test_what_may_have_run_is_not_posted_again(scripted: Made, answer: Made, post: Made, step: Any) -> None:
    server = scripted(step if isinstance(step, str) else answer(step, retry_after="1"))
    post(server.port)
    assert server.connections == 1


def test_it_is_not_tried_again_without_the_time_for_it(scripted: Made, answer: Made, post: Made) -> None:
    server = scripted(answer(503, retry_after="1"))
    assert post(server.port, left=18.0).status == 503
    assert server.connections == 1


def test_a_401_reads_the_keys_again_and_posts_once_more(
    scripted: Made, answer: Made, post: Made, secret: Secret
) -> None:
    server = scripted(answer(401), answer(200))
    secret.poster._ring.secrets()
    secret.now, secret.keys = 100.0, rotated(OLD, since="2026-11-21T12:00:00Z")
    assert post(server.port) == Answer(200)
    assert (server.connections, secret.reads) == (2, 2)
    said = server.headers()
    for key in secret.keys:
        verify(
            [key.secret],
            message_id=said["webhook-id"],
            timestamp=said["webhook-timestamp"],
            signature=said["webhook-signature"],
            body=server.body(),
            now=time.time(),
        )


def test_a_401_to_the_same_keys_is_not_posted_again(scripted: Made, answer: Made, post: Made, secret: Secret) -> None:
    server = scripted(answer(401))
    secret.poster._ring.secrets()
    secret.now = 100.0
    assert post(server.port) == Answer(401)
    assert (server.connections, secret.reads) == (1, 2)


def test_a_second_401_stands(scripted: Made, answer: Made, post: Made, secret: Secret) -> None:
    server = scripted(answer(401))
    secret.poster._ring.secrets()
    secret.now, secret.keys = 100.0, rotated(OLD, since="2026-11-21T12:00:00Z")
    assert post(server.port) == Answer(401)
    assert server.connections == 2


def test_without_keys_nothing_is_posted(scripted: Made, answer: Made, post: Made, secret: Secret) -> None:
    server = scripted(answer(200))
    secret.keys = ()
    found = post(server.port)
    assert found == NoAnswer("the keys could not be read: secretsmanager GetSecretValue: AccessDenied")
    assert server.connections == 0


def test_the_id_is_of_job_run_and_endpoint() -> None:
    a = message_id(Envelope(job="a", run="r"), "web")
    assert a == message_id(Envelope(job="a", run="r", attempt=3, error="x"), "web")
    assert a.startswith("msg_")
    assert len(a) == 36
    others = [("b", "r", "web"), ("a", "s", "web"), ("a", "r", "web/x"), ("\ud800", "r", "web")]
    assert len({a, *(message_id(Envelope(job=job, run=run), name) for job, run, name in others)}) == 5
