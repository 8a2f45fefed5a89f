"""Who may receive and whose turn it is: pure logic, no queue behind it."""

import threading
from datetime import timedelta

import pytest

from rota import Queue
from rota.queues.memory import MemoryQueue
from rota.worker.held import Held, Source
from rota.worker.waiting_room import WaitingRoom


def source(name: str, visibility: int = 60) -> Source:
    queue = Queue(name=name, visibility_timeout=timedelta(seconds=visibility))
    return Source(queue, MemoryQueue(), MemoryQueue())


def messages(of: Source, count: int) -> list[Held]:
    return [Held(of, f"{of.name} {number}", f"receipt {number}", 0.0) for number in range(count)]


def run_one(room: WaitingRoom, duration: float) -> None:
    held = room.take()
    assert held is not None
    room.leave(held, duration)


def ask_in_a_thread(room: WaitingRoom, of: Source) -> tuple[threading.Thread, list[int | None]]:
    answers: list[int | None] = []
    thread = threading.Thread(target=lambda: answers.append(room.ask(of)), daemon=True)
    thread.start()
    return thread, answers


def test_before_anything_is_measured_only_what_can_start_at_once_is_received() -> None:
    billing = source("billing")
    assert WaitingRoom(4, [billing]).ask(billing) == 4


def test_a_request_is_for_ten_at_the_most() -> None:
    billing = source("billing")
    assert WaitingRoom(32, [billing]).ask(billing) == 10


def test_free_slots_are_shared_among_the_queues() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(8, [billing, mail])
    assert (room.ask(billing), room.ask(mail)) == (4, 4)


def test_one_slot_is_enough_for_two_queues() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(1, [billing, mail])
    assert (room.ask(billing), room.ask(mail)) == (1, 1)


def test_a_batch_ahead_is_received_where_the_durations_say_that_it_starts_soon() -> None:
    billing = source("billing", visibility=60)
    room = WaitingRoom(2, [billing])
    room.enter(billing, messages(billing, 2))
    run_one(room, 0.01)
    room.take()
    assert room.ask(billing) == 10


def test_no_batch_ahead_where_one_run_of_late_was_too_long() -> None:
    billing = source("billing", visibility=4)
    room = WaitingRoom(4, [billing])
    room.enter(billing, messages(billing, 3))
    run_one(room, 0.01)
    run_one(room, 1.5)  # three rounds of these take longer than a quarter of four seconds
    room.take()
    assert room.ask(billing) == 3


def test_what_waits_counts_as_a_taken_slot() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(4, [billing, mail])
    room.enter(mail, messages(mail, 3))
    assert room.ask(billing) == 1


def test_a_poller_blocks_until_a_slot_is_free() -> None:
    billing = source("billing", visibility=2)
    room = WaitingRoom(1, [billing])
    room.enter(billing, messages(billing, 1))
    held = room.take()
    assert held is not None
    thread, answers = ask_in_a_thread(room, billing)
    thread.join(0.05)
    assert answers == []
    room.leave(held, 5.0)
    thread.join(5)
    assert answers == [1]


def test_queues_take_turns_however_much_waits_in_one() -> None:
    billing, mail = source("billing"), source("mail")
    room = WaitingRoom(1, [billing, mail])
    room.enter(billing, messages(billing, 5))
    room.enter(mail, messages(mail, 2))
    names = []
    for _ in range(7):
        held = room.take()
        assert held is not None
        names.append(held.source.name)
    assert names == ["billing", "mail", "billing", "mail", "billing", "billing", "billing"]


def test_a_queue_of_quick_jobs_does_not_poll_past_another_that_asked_first() -> None:
    quick, slow = source("quick"), source("slow", visibility=2)
    room = WaitingRoom(1, [quick, slow])
    room.enter(quick, messages(quick, 2))
    run_one(room, 0.001)
    held = room.take()
    assert held is not None
    slow_thread, slow_answers = ask_in_a_thread(room, slow)
    slow_thread.join(0.05)
    quick_thread, quick_answers = ask_in_a_thread(room, quick)
    quick_thread.join(0.05)
    assert (slow_answers, quick_answers) == ([], [])  # quick could have a batch ahead, but slow stands before it
    room.leave(held, 0.001)
    slow_thread.join(5)
    quick_thread.join(5)
    assert (slow_answers, quick_answers) == ([1], [10])


def test_closing_gives_back_what_waits_and_lets_nothing_more_in() -> None:
    billing = source("billing")
    room = WaitingRoom(2, [billing])
    waiting = messages(billing, 3)
    room.enter(billing, waiting)
    assert room.close() == waiting
    assert room.enter(billing, messages(billing, 1)) is False
    assert room.take() is None
    assert room.ask(billing) is None


def test_what_waits_can_be_withdrawn_and_what_runs_cannot() -> None:
    billing = source("billing")
    room = WaitingRoom(2, [billing])
    first, second = messages(billing, 2)
    room.enter(billing, [first, second])
    assert room.take() is first
    assert room.withdraw(second)
    assert not room.withdraw(first)


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_everything_let_in_is_handed_out_once_whatever_the_number_of_slots(slots: int) -> None:
    sources = [source("a"), source("b"), source("c")]
    room = WaitingRoom(slots, sources)
    taken: list[Held] = []

    def work() -> None:
        while (held := room.take()) is not None:
            taken.append(held)
            room.leave(held, 0.0)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(slots)]
    for thread in threads:
        thread.start()
    let_in = [held for _ in range(50) for of in sources for held in messages(of, 3)]
    for of in sources:
        room.enter(of, [held for held in let_in if held.source is of])
    while len(taken) < len(let_in):
        threading.Event().wait(0.001)
    room.close()
    for thread in threads:
        thread.join(5)
    assert sorted(map(id, taken)) == sorted(map(id, let_in))
