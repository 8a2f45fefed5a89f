"""Who may receive and whose turn it is: pure logic, no queue behind it."""

import threading
from datetime import timedelta

import pytest

from rota import Queue
from rota.queues.memory import MemoryQueue
from rota.testing import FakeClock
from rota.worker.held import Held, Source
from rota.worker.waiting_room import HEAD_START, WaitingRoom

CLOCK = FakeClock()


def source(name: str, visibility: int = 60) -> Source:
    queue = Queue(name=name, visibility_timeout=timedelta(seconds=visibility))
    return Source(queue, MemoryQueue(), MemoryQueue())


def messages(of: Source, count: int) -> list[Held]:
    return [Held(of, f"{of.name} {number}", f"receipt {number}", CLOCK.monotonic()) for number in range(count)]


def start_one(room: WaitingRoom) -> Held:
    held = room.take()
    assert held is not None
    return held


def run_one(room: WaitingRoom, duration: float) -> None:
    held = start_one(room)
    CLOCK.advance(duration)
    room.leave(held)


def ask_in_a_thread(room: WaitingRoom, of: Source) -> tuple[threading.Thread, list[int | None]]:
    answers: list[int | None] = []
    thread = threading.Thread(target=lambda: answers.append(room.ask(of)), daemon=True)
    thread.start()
    return thread, answers


def test_before_anything_is_measured_only_what_can_start_at_once_is_received() -> None:
    billing = source("billing")
    assert WaitingRoom(4, [billing], CLOCK).ask(billing) == 4


def test_a_request_is_for_ten_at_the_most() -> None:
    billing = source("billing")
    assert WaitingRoom(32, [billing], CLOCK).ask(billing) == 10


def test_free_slots_are_shared_among_the_queues() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(8, [billing, mail], CLOCK)
    assert (room.ask(billing), room.ask(mail)) == (4, 4)


def test_a_free_slot_is_kept_for_the_poll_that_asked_first_until_it_has_had_its_chance() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(1, [billing, mail], CLOCK)
    assert room.ask(billing) == 1
    thread, answers = ask_in_a_thread(room, mail)
    thread.join(0.05)
    assert answers == []
    CLOCK.advance(HEAD_START)  # no answer yet: billing is empty, and its slot is offered to mail
    thread.join(5)
    assert answers == [1]


def test_a_batch_ahead_is_received_where_the_durations_say_that_it_starts_soon() -> None:
    billing = source("billing", visibility=60)
    room = WaitingRoom(2, [billing], CLOCK)
    room.enter(billing, messages(billing, 2))
    run_one(room, 0.01)
    room.take()
    assert room.ask(billing) == 10


def test_no_batch_ahead_where_one_run_of_late_was_too_long() -> None:
    billing = source("billing", visibility=4)
    room = WaitingRoom(4, [billing], CLOCK)
    room.enter(billing, messages(billing, 3))
    run_one(room, 0.01)
    run_one(room, 0.5)  # three rounds of these take longer than a quarter of four seconds
    room.take()
    assert room.ask(billing) == 3


def test_what_waits_counts_as_a_taken_slot() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(4, [billing, mail], CLOCK)
    room.enter(mail, messages(mail, 3))
    assert room.ask(billing) == 1


def test_a_poller_blocks_until_a_slot_is_free() -> None:
    billing = source("billing", visibility=2)
    room = WaitingRoom(1, [billing], CLOCK)
    room.enter(billing, messages(billing, 1))
    held = start_one(room)
    thread, answers = ask_in_a_thread(room, billing)
    thread.join(0.05)
    assert answers == []
    CLOCK.advance(5)
    room.leave(held)
    thread.join(5)
    assert answers == [1]


def test_queues_take_turns_however_much_waits_in_one() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(1, [billing, mail], CLOCK)
    for queue in (billing, mail):
        room.enter(queue, messages(queue, 1))
        run_one(room, 0.01)  # quick, so that more may wait
    room.enter(billing, messages(billing, 5))
    room.enter(mail, messages(mail, 2))
    names = [start_one(room).source.name for _ in range(7)]
    assert names == ["billing", "mail", "billing", "mail", "billing", "billing", "billing"]


def test_a_queue_of_quick_jobs_does_not_poll_past_another_that_asked_first() -> None:
    quick, slow = source("quick"), source("slow", visibility=2)
    room = WaitingRoom(1, [quick, slow], CLOCK)
    room.enter(quick, messages(quick, 1))
    run_one(room, 0.001)
    room.enter(quick, messages(quick, 1))
    held = start_one(room)
    slow_thread, slow_answers = ask_in_a_thread(room, slow)
    slow_thread.join(0.05)
    quick_thread, quick_answers = ask_in_a_thread(room, quick)
    quick_thread.join(0.05)
    assert (slow_answers, quick_answers) == ([], [])  # quick could have a batch ahead, but slow stands before it
    CLOCK.advance(0.001)
    room.leave(held)
    slow_thread.join(5)
    quick_thread.join(5)
    assert (slow_answers, quick_answers) == ([1], [10])


def test_closing_gives_back_what_waits_and_lets_nothing_more_in() -> None:
    billing = source("billing")
    room = WaitingRoom(2, [billing], CLOCK)
    waiting = messages(billing, 2)
    room.enter(billing, waiting)
    assert room.close() == waiting
    late = messages(billing, 1)
    assert room.enter(billing, late) == late
    assert room.take() is None
    assert room.ask(billing) is None


def test_what_waits_can_be_withdrawn_and_what_runs_cannot() -> None:
    billing = source("billing")
    room = WaitingRoom(2, [billing], CLOCK)
    first, second = messages(billing, 2)
    room.enter(billing, [first, second])
    assert room.take() is first
    assert room.withdraw(second)
    assert not room.withdraw(first)


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_everything_let_in_is_handed_out_once_whatever_the_number_of_slots(slots: int) -> None:
    sources = [source("a"), source("b"), source("c")]
    room = WaitingRoom(slots, sources, CLOCK)
    taken: list[Held] = []

    def work() -> None:
        while (held := room.take()) is not None:
            taken.append(held)
            room.leave(held)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(slots)]
    for thread in threads:
        thread.start()
    let_in: list[Held] = []
    for _ in range(50):
        for of in sources:
            caught = messages(of, 3)
            surplus = room.enter(of, caught)
            let_in += [held for held in caught if held not in surplus]
    while len(taken) < len(let_in):
        threading.Event().wait(0.001)
    room.close()
    for thread in threads:
        thread.join(5)
    assert sorted(map(id, taken)) == sorted(map(id, let_in))


def test_what_can_no_longer_start_when_it_arrives_goes_back() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(2, [billing, mail], CLOCK)
    assert room.ask(mail) == 1  # a long poll, and meanwhile the slots are taken
    room.enter(billing, messages(billing, 2))
    caught = messages(mail, 1)
    assert room.enter(mail, caught) == caught


def test_slots_taken_by_long_runs_do_not_count_towards_what_starts_soon() -> None:
    quick, long = source("quick", visibility=8), source("long", visibility=8)
    room = WaitingRoom(1, [quick, long], CLOCK)
    room.enter(quick, messages(quick, 1))
    run_one(room, 0.01)
    room.enter(long, messages(long, 1))
    start_one(room)
    CLOCK.advance(3)  # longer than a quarter of eight seconds
    caught = messages(quick, 5)
    assert room.enter(quick, caught) == caught


def test_a_queue_known_for_long_runs_takes_its_slot_from_the_first_moment() -> None:
    quick, long = source("quick", visibility=8), source("long", visibility=8)
    room = WaitingRoom(1, [quick, long], CLOCK)
    for queue, duration in ((quick, 0.01), (long, 3.0)):
        room.enter(queue, messages(queue, 1))
        run_one(room, duration)
    room.enter(long, messages(long, 1))
    start_one(room)
    caught = messages(quick, 5)
    assert room.enter(quick, caught) == caught


def test_a_broken_promise_is_not_made_again() -> None:
    billing = source("billing", visibility=8)
    room = WaitingRoom(1, [billing], CLOCK)
    room.enter(billing, messages(billing, 1))
    run_one(room, 0.01)
    first, *rest = messages(billing, 3)
    assert room.enter(billing, [first, *rest]) == []
    held = start_one(room)
    CLOCK.advance(3)
    for waiting in rest:
        assert room.withdraw(waiting)
    room.leave(held)
    room.enter(billing, messages(billing, 1))
    start_one(room)
    assert len(room.enter(billing, messages(billing, 2))) == 2


def test_a_queue_that_was_turned_away_asks_first_and_has_longer_to_answer() -> None:
    quick, far = source("quick"), source("far")
    room = WaitingRoom(1, [quick, far], CLOCK)
    assert room.ask(quick) == 1
    CLOCK.advance(HEAD_START)
    assert room.ask(far) == 1  # quick had its chance
    room.enter(quick, messages(quick, 1))
    held = start_one(room)
    caught = messages(far, 1)
    assert room.enter(far, caught) == caught
    quick_thread, quick_answers = ask_in_a_thread(room, quick)
    quick_thread.join(0.05)
    far_thread, far_answers = ask_in_a_thread(room, far)
    far_thread.join(0.05)
    CLOCK.advance(5)
    room.leave(held)
    far_thread.join(5)
    CLOCK.advance(HEAD_START)  # which is not enough this time
    quick_thread.join(0.4)
    assert (far_answers, quick_answers) == ([1], [])
    assert room.enter(far, messages(far, 1)) == []
    start_one(room)
    room.close()
