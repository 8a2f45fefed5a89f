"""What runs cost: the numbers are those of benchmarks/cost, which counts them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from benchmarks.cost import page, prices
from benchmarks.cost.__main__ import COUNTED

from rota import Cron, Endpoint, Every, EveryServer, Job, Lock, Once, Queue, Unique, cost
from rota.cost import idle_month, run_cost

counted = json.loads(COUNTED.read_text(encoding="utf-8"))
WORK, WEB, US = Queue(name="work"), Endpoint(name="web"), Endpoint(name="us")
DAILY = Cron("0 2 * * *")


def job(**declared: object) -> Job[None]:
    return Job(**{"name": "a", "handler": "b:c", "target": WORK, "schedule": DAILY} | declared)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["KNOWN_AT", "REGION", "SQS", "DYNAMODB_WRITE", "DYNAMODB_READ", "RULE", "SCHEDULER", "LAMBDA", "ITEM_OVERHEAD"],
)
def test_prices_are_those_of_the_cost_page(name):
    assert getattr(cost, name) == getattr(prices, name)


@pytest.mark.parametrize(
    ("kind", "requests"),
    [
        ("scheduled", cost.OCCURRENCE),
        ("locked", cost.LOCKED),
        ("enqueued", cost.ENQUEUED),
        ("unique", cost.UNIQUE),
    ],
)
def test_requests_are_those_that_were_counted(kind, requests):
    run, items = counted["one_at_a_time"][kind], page.KINDS[kind][1]
    assert requests.sqs == page.requests(run)
    assert {"write": requests.writes, "read": requests.reads} == {"write": 0, "read": 0} | run["units"]
    assert (requests.stored_bytes, requests.items) == (run["stored_bytes"], items)
    assert requests.dollars == pytest.approx(page.dollars(run, items))


@pytest.mark.parametrize(("kind", "requests"), [("scheduled", cost.MINUTE), ("locked", cost.LOCKED_MINUTE)])
def test_what_a_minute_adds_is_what_was_counted(kind, requests):
    assert requests.dollars == pytest.approx(page.dollars(counted["minute"][kind]))


def test_polling_is_what_was_counted():
    assert cost.HOURS_A_MONTH == prices.HOURS_A_MONTH
    assert counted["idle"]["receives_an_hour"] == cost.POLLS_AN_HOUR
    month = counted["idle"]["receives_an_hour"] * prices.HOURS_A_MONTH * prices.SQS / 1e6
    assert idle_month(2, 3) == pytest.approx(6 * month)


def dollars(kind: str) -> float:
    return page.dollars(counted["one_at_a_time"][kind], page.KINDS[kind][1])


@pytest.mark.parametrize(
    ("declared", "million"),
    [
        ({}, dollars("scheduled")),
        ({"lock": Lock()}, dollars("locked")),
        ({"schedule": None}, dollars("enqueued")),
        ({"schedule": None, "lock": Lock()}, dollars("locked")),
        ({"schedule": None, "unique": Unique(key="k", window=timedelta(days=1))}, dollars("unique")),
        # A unique key is for what is enqueued.
        ({"unique": Unique(key="k", window=timedelta(days=1))}, dollars("scheduled")),
        ({"schedule": Cron("0 2 * * *", time_zone="Europe/Berlin")}, dollars("scheduled") + 1),
        ({"schedule": Cron("0 2 * * *", flexible_window=timedelta(minutes=5))}, dollars("scheduled") + 1),
        ({"schedule": Every(timedelta(minutes=7)), "lock": Lock()}, dollars("locked") + 1),
        ({"schedule": Every(timedelta(minutes=5))}, dollars("scheduled")),
        ({"schedule": Once(datetime(2027, 1, 1, tzinfo=UTC))}, dollars("scheduled") + 1),
    ],
)
def test_what_a_run_of_a_queue_costs(declared, million):
    found = run_cost(job(**declared))
    assert found.dollars == pytest.approx(million)
    assert found.unknown == ()


def test_a_deployment_with_schedules_alone_pays_for_each():
    assert run_cost(job(), schedules_with="scheduler").dollars == pytest.approx(dollars("scheduled") + 1)
    assert run_cost(job(schedule=None), schedules_with="scheduler").dollars == pytest.approx(dollars("enqueued"))


def test_a_run_for_an_endpoint_is_reckoned_and_says_so():
    message = 3 * prices.SQS + prices.LAMBDA
    ledger = page.ledger(counted["one_at_a_time"]["scheduled"], 1)
    for target, million in (
        (WEB, message + ledger),
        ([WEB, US], 3 * message + 2 * ledger),
        ([WEB, Endpoint(name="node", ledger=False)], 3 * message + ledger),
        (EveryServer(WEB), 2 * message + ledger),
    ):
        found = run_cost(job(target=target))
        assert found.dollars == pytest.approx(million)
        assert cost.LAMBDA_TIME in found.unknown
        assert (cost.EVERY_SERVER in found.unknown) == isinstance(target, EveryServer)
    assert run_cost(job(target=WEB, schedule=None)).dollars == pytest.approx(message + ledger)


def test_a_lock_of_another_provider_and_a_kind_that_was_not_counted_are_said():
    assert run_cost(job(lock=Lock(provider="redis"))).unknown == (cost.OTHER_LOCK,)
    assert run_cost(job(lock=Lock(provider="redis"))).dollars == pytest.approx(dollars("scheduled"))
    both = job(schedule=None, lock=Lock(), unique=Unique(key="k", window=timedelta(days=1)))
    assert run_cost(both).unknown == (cost.BOTH,)
