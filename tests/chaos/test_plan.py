"""What a seed says."""

from datetime import UTC, datetime

from chaos.jobs import manifest
from chaos.plan import CUT_OFF, FULL, LONG, MINUTE, STOPPED, WANTED, make_plan

from rota.envelope import Envelope
from rota.leases import MARGIN, lease_of

NOW = datetime(2026, 11, 21, 4, 30, 12, tzinfo=UTC)


def test_a_seed_is_a_plan() -> None:
    assert make_plan(3, MINUTE, NOW) == make_plan(3, MINUTE, NOW)
    assert make_plan(3, MINUTE, NOW) != make_plan(4, MINUTE, NOW)


def test_every_run_is_sent_and_some_are_sent_again() -> None:
    plan = make_plan(1, FULL, NOW)
    assert len(plan.runs) == 500
    assert sum(sending.duplicate for sending in plan.sendings) == len(plan.sendings) - 500 > 50
    assert not any(first.duplicate for first in plan.runs.values())


def test_a_stop_lasts_longer_than_a_lease_and_what_a_taker_waits() -> None:
    lease = lease_of(manifest.queues[0].visibility_timeout)
    assert STOPPED[0] > (lease + MARGIN).total_seconds()


def test_each_message_is_of_the_run_that_it_says_by_rotas_own_reading() -> None:
    for sending in make_plan(1, MINUTE, NOW).sendings:
        read = Envelope.decode(sending.body)
        assert (read.for_occurrence(read.scheduled_at) if read.scheduled_at else read).run == sending.run


def test_no_worker_is_spared() -> None:
    for seed in range(20):
        plan = make_plan(seed, MINUTE, NOW)
        assert all(len(hand) >= 2 for hand in plan.blows)


def test_a_server_is_cut_off_where_no_stop_hides_it_and_for_long_enough_to_be_noticed() -> None:
    for seed in range(20):
        (hand,) = (hand for hand in make_plan(seed, MINUTE, NOW).blows if any(blow.service for blow in hand))
        assert all(blow.kind != "stop" for blow in hand)
    lease = lease_of(manifest.queues[0].visibility_timeout).total_seconds()
    assert CUT_OFF[0] > lease
    assert LONG[0] > WANTED["cut off"][1] > lease - MARGIN.total_seconds()
