"""Keys of signatures: as they are stored, replaced without a gap, and read again."""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import SignatureError
from rota.key_rotation import KEPT, encode, new_key, revoked, rotated
from rota.keys import FAILURE_COUNTS, FIRST, FIRST_LENGTH, LEAST_PAUSE, REFRESH, Key, KeyRing, decode
from rota.signature import sign, verify

SINCE = "2026-11-21T11:00:00Z"


def secret(fill: int) -> str:
    return "whsec_" + base64.b64encode(bytes([fill]) * 32).decode()


ONE, TWO, THREE = (Key(id=f"k{number}", secret=secret(number), since=SINCE) for number in (1, 2, 3))
KEYS = st.lists(
    st.builds(
        Key,
        id=st.text(min_size=1),
        secret=st.binary(min_size=24, max_size=64).map(lambda found: "whsec_" + base64.b64encode(found).decode()),
        since=st.none() | st.just(SINCE),
    ),
    min_size=1,
    max_size=4,
).map(tuple)


@given(KEYS)
def test_what_is_written_is_read(keys: tuple[Key, ...]) -> None:
    assert decode(encode(keys)) == keys


@given(KEYS)
def test_a_rotation_adds_one_and_keeps_the_newest(keys: tuple[Key, ...]) -> None:
    after = decode(encode(rotated(keys, since=SINCE)))
    assert len(after) == KEPT == 2
    assert after[0] == keys[-1]
    assert after[1].since == SINCE
    assert after[1].secret not in [key.secret for key in keys]


@given(KEYS)
def test_who_is_one_rotation_behind_still_understands_the_other(keys: tuple[Key, ...]) -> None:
    views = [keys, rotated(keys, since=SINCE)]
    views.append(rotated(views[-1], since=SINCE))
    for old, new in pairwise(views):
        for sender, server in ((old, new), (new, old), (old, old), (new, new)):
            signatures = " ".join(sign(key.secret, message_id="msg_1", timestamp=5, body=b"{}") for key in sender)
            accepted = [key.secret for key in server]
            verify(accepted, message_id="msg_1", timestamp="5", signature=signatures, body=b"{}", now=5)


def test_the_first_form_of_a_deployment_reads_as_one_key() -> None:
    letters = "a1" * (FIRST_LENGTH // 2)
    (key,) = keys = decode(json.dumps({"keys": [], "first": letters}))
    assert key == Key(id=FIRST, secret=f"whsec_{letters}", since=None)
    after = rotated(keys, since=SINCE)
    assert decode(encode(after)) == after
    assert after[0] == key


def test_once_there_are_keys_the_first_form_does_not_count() -> None:
    text = json.dumps({"keys": [{"id": "k1", "secret": ONE.secret, "since": SINCE}], "first": "a" * FIRST_LENGTH})
    assert decode(text) == (ONE,)


@given(KEYS, st.data())
def test_a_key_that_is_revoked_is_gone_and_there_is_another(keys: tuple[Key, ...], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(keys))
    left = revoked(keys, key.id, since=SINCE)
    assert decode(encode(left)) == left
    assert key.id not in [one.id for one in left]
    assert all(one in left for one in keys if one.id != key.id)
    assert revoked(keys, "no such key", since=SINCE) == keys


def test_new_keys_are_long_enough_and_differ() -> None:
    made = [new_key(since=SINCE) for _ in range(100)]
    assert len({key.id for key in made}) == len({key.secret for key in made}) == 100
    assert decode(encode(tuple(made))) == tuple(made)


HIDDEN = "SECRETsecretSECRET"


@pytest.mark.parametrize(
    "text",
    [
        HIDDEN,
        "",
        "null",
        f'["{HIDDEN}"]',
        "{}",
        f'{{"keys":"{HIDDEN}"}}',
        '{"keys":[]}',
        '{"keys":[],"first":""}',
        f'{{"keys":[],"first":["{HIDDEN}"]}}',
        f'{{"keys":[],"first":"{HIDDEN}"}}',
        '{"keys":[],"first":5}',
        f'{{"keys":["{HIDDEN}"]}}',
        f'{{"keys":[{{"secret":"{HIDDEN}"}}]}}',
        f'{{"keys":[{{"id":"k1","secret":"{HIDDEN}"}}]}}',
        f'{{"keys":[{{"id":"k1","secret":["{HIDDEN}"]}}]}}',
        '{"keys":[{"id":"k1","secret":5}]}',
        '{"keys":[{"id":"k1","secret":null}]}',
        f'{{"keys":[{{"id":"k1","secret":"{HIDDEN}é"}}]}}',
    ],
)
def test_what_holds_no_keys_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SignatureError) as caught:
        decode(text)
    assert str(caught.value).startswith(("the secret must read {", "the secret holds no keys", "a secret "))
    assert HIDDEN not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["keys", "first", "id", "secret"]), inner),
    ).map(json.dumps)
)
def test_whatever_the_secret_holds_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SignatureError):
        assert decode(text)


def test_no_secret_is_in_what_is_printed() -> None:
    assert ONE.secret not in repr(ONE) + str(ONE) + f"{(ONE,)}"


class Stored:
    """A secret, and a clock that stands still."""

    def __init__(self, *keys: Key) -> None:
        self.text, self.at, self.reads = encode(keys), 1000.0, 0
        self.trouble: Exception | None = None

    def read(self) -> str:
        self.reads += 1
        if self.trouble:
            raise self.trouble
        return self.text

    def now_holds(self, *keys: Key) -> None:
        self.text = encode(keys)

    @property
    def ring(self) -> KeyRing:
        return KeyRing(self.read, lambda: self.at)


def secrets_of(*keys: Key) -> list[str]:
    return [key.secret for key in keys]


def test_keys_are_read_once_and_again_after_five_minutes() -> None:
    stored = Stored(ONE)
    ring = stored.ring
    assert stored.reads == 0, "nothing is asked before it is needed"
    assert ring.secrets() == secrets_of(ONE)
    stored.now_holds(ONE, TWO)
    stored.at += REFRESH - 1
    assert (ring.secrets(), stored.reads) == (secrets_of(ONE), 1)
    stored.at += 1
    assert (ring.secrets(), stored.reads) == (secrets_of(ONE, TWO), 2)


def test_an_unknown_signature_has_them_read_at_most_once_a_minute() -> None:
    stored = Stored(ONE)
    ring = stored.ring
    ring.secrets()
    stored.now_holds(TWO)
    stored.at += LEAST_PAUSE - 1
    assert not ring.refresh()
    assert stored.reads == 1
    stored.at += 1
    assert ring.refresh()
    assert ring.secrets() == secrets_of(TWO)
    assert [ring.refresh() for _ in range(100)] == [False] * 100
    assert stored.reads == 2
    stored.at += LEAST_PAUSE
    assert not ring.refresh(), "they are the same"
    assert stored.reads == 3


def test_while_they_cannot_be_read_those_known_count_on() -> None:
    stored = Stored(ONE)
    ring = stored.ring
    ring.secrets()
    stored.trouble = OSError("no answer")
    stored.at += REFRESH
    assert [ring.secrets() for _ in range(10)] == [secrets_of(ONE)] * 10
    assert stored.reads == 2, "it is asked again after a pause, not at each request"
    stored.at += LEAST_PAUSE
    assert ring.secrets() == secrets_of(ONE)
    assert stored.reads == 3
    stored.trouble = None
    stored.now_holds(TWO)
    stored.at += LEAST_PAUSE
    assert ring.secrets() == secrets_of(TWO)


def test_a_secret_that_is_broken_later_does_not_count_either() -> None:
    stored = Stored(ONE)
    ring = stored.ring
    ring.secrets()
    stored.text = "broken"
    stored.at += REFRESH
    assert ring.secrets() == secrets_of(ONE)


@pytest.mark.parametrize("trouble", [OSError("no answer"), SignatureError("broken")])
def test_without_any_keys_the_trouble_is_told_each_time_and_soon_they_are_read_anew(trouble: Exception) -> None:
    stored = Stored(ONE)
    ring = stored.ring
    stored.trouble = trouble
    for ask in (ring.secrets, ring.refresh, ring.secrets):
        with pytest.raises(type(trouble)):
            ask()
    assert stored.reads == 1
    stored.trouble = None
    stored.at += FAILURE_COUNTS
    assert ring.secrets() == secrets_of(ONE)


class Slow:
    """A secret that is read when a test says so."""

    def __init__(self, stored: Stored) -> None:
        self.stored, self.begun, self.may_go = stored, threading.Semaphore(0), threading.Event()
        self.ring = KeyRing(self.read, lambda: stored.at)

    def read(self) -> str:
        self.begun.release()
        assert self.may_go.wait(20)
        return self.stored.read()


def test_who_knows_keys_waits_for_nobody_that_reads_them_again() -> None:
    slow = Slow(stored := Stored(ONE))
    slow.may_go.set()
    slow.ring.secrets()
    slow.may_go.clear()
    stored.now_holds(TWO)
    stored.at += REFRESH
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(slow.ring.secrets)
        for _ in range(2):
            assert slow.begun.acquire(timeout=20)
        others = ThreadPoolExecutor(2)
        try:
            assert others.submit(slow.ring.secrets).result(10) == secrets_of(ONE)
            assert others.submit(slow.ring.refresh).result(10) is False
        finally:
            slow.may_go.set()
            others.shutdown()
        assert reader.result(20) == secrets_of(TWO)
    assert stored.reads == 2


def test_who_waited_for_a_read_that_failed_does_not_try_again_at_once() -> None:
    slow = Slow(stored := Stored(ONE))
    stored.trouble = OSError("no answer")
    with ThreadPoolExecutor(10) as pool:
        asking = [pool.submit(slow.ring.secrets) for _ in range(10)]
        assert slow.begun.acquire(timeout=20)
        stored.at += 30  # as long as it takes, it counts from its end
        slow.may_go.set()
        assert [type(one.exception(20)) for one in asking] == [OSError] * 10
    assert stored.reads == 1


def test_in_a_forks_child_keys_are_read_though_the_parent_was_about_it() -> None:
    slow = Slow(Stored(ONE))
    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(slow.ring.secrets)
        assert slow.begun.acquire(timeout=20)
        slow.ring.after_fork_in_child()
        slow.may_go.set()
        assert pool.submit(slow.ring.secrets).result(20) == reader.result(20) == secrets_of(ONE)


STEPS = st.lists(st.sampled_from(["tick", "wait", "rotate", "fail", "mend", "ask", "unknown"]), max_size=60)


@given(STEPS)
def test_however_it_is_asked_it_reads_little_and_is_never_far_behind(steps: Sequence[str]) -> None:
    stored = Stored(ONE)
    ring = stored.ring
    ring.secrets()
    reads_at = [stored.at]
    do: dict[str, Callable[[], object]] = {"ask": ring.secrets, "unknown": ring.refresh}
    for step in steps:
        if step in ("tick", "wait"):
            stored.at += 7 if step == "tick" else LEAST_PAUSE
        elif step == "rotate":
            stored.now_holds(*rotated(decode(stored.text), since=SINCE))
        elif step in ("fail", "mend"):
            stored.trouble = OSError("no answer") if step == "fail" else None
        else:
            before = stored.reads
            do[step]()
            if stored.reads > before:
                reads_at.append(stored.at)
            read_well = stored.reads > before and stored.trouble is None
            assert not read_well or ring.secrets() == [key.secret for key in decode(stored.text)]
            assert step != "ask" or stored.at - reads_at[-1] < REFRESH
    assert all(later - earlier >= LEAST_PAUSE for earlier, later in pairwise(reads_at))
