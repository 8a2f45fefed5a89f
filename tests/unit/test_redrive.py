"""Letters go back to their queue: nothing lost, each run once, what cannot be read stays."""

from datetime import timedelta

import pytest

from rota import Job, Manifest, Queue
from rota import redrive as module
from rota.dead_letters import Place, read
from rota.envelope import Envelope
from rota.errors import BackendError
from rota.names import Names
from rota.queues.base import Depth, Outgoing, SendFailure
from rota.redrive import Redriven, peek, redrive
from rota.testing import FakeClock, MemoryQueue

billing = Queue(name="billing", visibility_timeout=timedelta(seconds=30))
manifest = Manifest(name="shop", jobs=[Job(name="invoice", handler="a:b", target=billing)])
GONE = {"rota.reason": "attempts exhausted"}


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(module, "WAIT", 0)


@pytest.fixture
def place():
    return MemoryQueue(clock=FakeClock())


@pytest.fixture
def to():
    return MemoryQueue(clock=FakeClock())


def put(place, *runs, redrives=1, attributes=GONE):
    place.send([Outgoing(Envelope(job="invoice", run=run, redrives=redrives).encode(), 0, attributes) for run in runs])


def meaning(letter):
    names = Names("shop", "default")
    return read(letter, place=Place.DEAD_LETTERS, queue="billing", manifest=manifest, names=names)


def send(place, to, wanted=lambda run: True, **options):
    done = options.pop("done", None) or Redriven()
    redrive(place, to, read=meaning, wanted=wanted, who="ada", done=done, **options)
    return done


def arrived(to):
    return [Envelope.decode(message.body) for message in to.waiting]


def test_more_than_a_batch_goes_back_with_who_did_it_and_nothing_is_left(place, to):
    put(place, *(f"r-{n}" for n in range(23)))
    done = send(place, to)
    assert {(run.run, run.redrives, run.redriven_by) for run in arrived(to)} == {
        (f"r-{n}", 1, "ada") for n in range(23)
    }
    assert len(arrived(to)) == len(done.sent) == 23
    assert len(place) == 0


def test_what_is_not_asked_for_is_there_again_at_once(place, to):
    put(place, "a", "b", "c")
    done = send(place, to, wanted=lambda run: run.run == "b")
    assert [run.run for run in arrived(to)] == ["b"]
    assert place.depth() == Depth(2, 0)
    assert done.unreadable == []


def test_a_run_with_several_letters_is_sent_once_and_they_all_go(place, to):
    put(place, "a", "a", "b")
    put(place, "a", redrives=3)
    for _ in range(3):
        put(place, "c", "d", "e")
    put(place, "a", redrives=2)  # in another batch than the first
    done = send(place, to)
    sent = {run.run: run.redrives for run in arrived(to)}
    assert len(arrived(to)) == 5
    assert sent["a"] == 3
    assert done.duplicates == 9
    assert len(place) == 0


def test_a_run_that_fails_again_meanwhile_is_not_sent_for_ever(place, to):
    put(place, "a")
    deliver = to.send

    def fails_at_once(messages):
        put(place, "a", redrives=2)
        return deliver(messages)

    to.send = fails_at_once
    done = send(place, to)
    assert len(arrived(to)) == 1
    assert done.back == 1
    assert place.depth() == Depth(1, 0)


def test_what_cannot_be_read_stays_and_is_told_of(place, to):
    place.send([Outgoing("{", 0, GONE)])
    put(place, "a")
    done = send(place, to)
    assert [run.run for run in arrived(to)] == ["a"]
    assert [run.letter.body for run in done.unreadable] == ["{"]
    assert [message.body for message in place.waiting] == ["{"]
    assert place.depth() == Depth(1, 0)


def test_what_the_queue_does_not_take_stays(place, to):
    put(place, "a", "b", "b", "c")
    deliver = to.send

    def refuses_b(messages):
        kept = [message for message in messages if Envelope.decode(message.body).run != "b"]
        deliver(kept)
        return [SendFailure(place, "too large") for place, message in enumerate(messages) if message not in kept]

    to.send = refuses_b
    done = send(place, to)
    assert [run.run for run in arrived(to)] == ["a", "c"]
    assert [(run.run, reason) for run, reason in done.refused] == [("b", "too large")]
    assert place.depth() == Depth(2, 0)


def test_nothing_is_deleted_before_it_is_sent(place, to):
    put(place, "a")

    def gone(messages):
        raise BackendError("SQS does not answer")

    to.send = gone
    with pytest.raises(BackendError):
        send(place, to)
    assert place.depth() == Depth(1, 0)


def test_what_the_service_does_not_delete_is_told_of(place, to):
    put(place, "a")
    place.delete = list
    done = send(place, to)
    assert (len(done.sent), done.undeleted, len(arrived(to))) == (1, 1, 1)


def test_a_dry_run_sends_and_deletes_nothing(place, to):
    put(place, "a", "a", "b")
    done = send(place, to, dry_run=True)
    assert [run.run for run in done.sent] == ["a", "b"]
    assert done.duplicates == 1
    assert len(to) == 0
    assert place.depth() == Depth(3, 0)


def test_progress_is_told(place, to):
    put(place, *map(str, range(12)))
    told = []
    send(place, to, progress=told.append)
    assert told == [10, 12]


def test_to_look_leaves_everything_where_it_is(place):
    put(place, *map(str, range(23)))
    found = peek(place, 100)
    assert (len(found.letters), found.looked_at, found.complete) == (23, 23, True)
    assert place.depth() == Depth(23, 0)
    found = peek(place, 5)
    assert 5 <= len(found.letters) <= 10
    assert not found.complete


def test_to_look_for_some_goes_on_until_there_are_enough_or_it_is_too_many(place, monkeypatch):
    put(place, *map(str, range(40)))
    found = peek(place, 1, wanted=lambda letter: meaning(letter).run == "33")
    assert ([meaning(letter).run for letter in found.letters], found.complete) == (["33"], False)
    monkeypatch.setattr(module, "LOOKED_AT", 20)
    found = peek(place, 1, wanted=lambda letter: meaning(letter).run == "33")
    assert (found.letters, found.looked_at, found.complete) == ([], 20, False)
    assert place.depth() == Depth(40, 0)


def test_to_look_ends_though_letters_come_back_while_it_lasts(place):
    put(place, "a")
    letters = place.letters

    def slowly(limit, hide, *, wait=0):
        found = letters(limit, hide, wait=wait)
        place.clock.advance(hide + 1)
        return found

    place.letters = slowly
    found = peek(place, 100)
    assert (len(found.letters), found.complete) == (1, False)


def test_a_place_that_takes_longer_than_letters_are_hidden_is_gone_through_whole(place, to, monkeypatch):
    put(place, *map(str, range(600)))
    monkeypatch.setattr(module, "monotonic", place.clock.monotonic)
    letters = place.letters

    def slowly(limit, hide, *, wait=0):
        found = letters(limit, hide, wait=wait)
        # The first are visible again before the last are seen, and are first in turn.
        place.clock.advance(10)
        return found

    place.letters = slowly
    done = send(place, to, wanted=lambda run: int(run.run) % 50 == 49)
    assert [run.run for run in arrived(to)] == [str(n) for n in range(600) if n % 50 == 49]
    assert (done.looked_at, done.complete) == (600, True)
    assert place.depth() == Depth(588, 0)


def test_what_was_sent_before_a_failure_is_told(place, to):
    put(place, *map(str, range(25)))
    done, letters = Redriven(), place.letters

    def fails(limit, hide, *, wait=0):
        if len(done.sent) == 20:
            raise BackendError("SQS does not answer")
        return letters(limit, hide, wait=wait)

    place.letters = fails
    with pytest.raises(BackendError):
        send(place, to, done=done)
    assert (len(done.sent), done.looked_at, done.complete) == (20, 20, False)
    assert place.depth() == Depth(5, 0)


def test_what_was_sent_and_may_not_be_deleted_is_told(place, to):
    put(place, "a", "b")
    done = Redriven()

    def gone(receipts):
        raise BackendError("SQS does not answer")

    place.delete = gone
    with pytest.raises(BackendError):
        send(place, to, done=done)
    assert (len(done.sent), done.undeleted) == (2, 2)
