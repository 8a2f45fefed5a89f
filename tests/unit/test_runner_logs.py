"""Records of a run say whose they are."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rota import Run, logs
from rota.envelope import Envelope

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet

HOUR = timedelta(hours=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW = Envelope(job="work", run="r1", enqueued_at=NOW)
FIELDS = ("rota_job", "rota_run", "rota_attempt", "rota_queue")


def test_every_record_of_a_run_says_whose_it_is(fleet: Fleet, recorded: pytest.LogCaptureFixture) -> None:
    def handle() -> None:
        extra = {"job": 7, "attempt": 7, "queue": 7, "run_id": 7}
        logging.getLogger("shop.billing").warning("from the application", extra=extra)

    logging.getLogger("shop").info("before")
    fleet.deliver(fleet.runner(handle), replace(NEW, attempt=2))
    logging.getLogger("shop").info("after")
    before, *during, after = recorded.records
    assert [record.name for record in during] == ["shop.billing", "rota.run"]
    for record in during:
        assert [vars(record)[name] for name in FIELDS] == ["work", "r1", 2, "billing"]
    for record in (before, after):
        assert not set(FIELDS) & set(vars(record))


def test_records_of_hand_backs_say_whose_they_are(fleet: Fleet, recorded: pytest.LogCaptureFixture) -> None:
    runner = fleet.runner()
    fleet.deliver(runner, replace(NEW, job="newer", attempt=2))
    fleet.deliver(runner, replace(NEW, job="newer", attempt=2, handed_back_at=NOW - HOUR))
    handed_back, gone = recorded.records
    assert (handed_back.levelname, gone.levelname) == ("WARNING", "ERROR")
    for record in recorded.records:
        assert [vars(record)[name] for name in FIELDS] == ["newer", "r1", 2, "billing"]


def test_a_record_of_a_message_that_cannot_be_read_says_where(fleet: Fleet, recorded: pytest.LogCaptureFixture) -> None:
    fleet.deliver(fleet.runner(), "hello")
    (record,) = recorded.records
    assert (record.levelname, vars(record)["rota_queue"]) == ("ERROR", "billing")
    assert record.getMessage().startswith("a message in queue billing cannot be read: not JSON: ")


def test_async_runs_side_by_side_keep_their_records_apart(fleet: Fleet, recorded: pytest.LogCaptureFixture) -> None:
    together = threading.Barrier(2, timeout=20)

    async def handle(run: Run) -> None:
        await asyncio.to_thread(together.wait)
        logging.getLogger("shop").info("run %s", run.id)
        await asyncio.create_task(inner(run))

    async def inner(run: Run) -> None:
        logging.getLogger("shop").info("run %s", run.id)

    runner = fleet.runner(handle)
    threads = [
        threading.Thread(target=fleet.deliver, args=(runner, Envelope(job="work", run=name))) for name in ("r1", "r2")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [record for record in recorded.records if record.name == "shop"]
    assert len(told) == 4
    assert all(record.getMessage() == f"run {vars(record)['rota_run']}" for record in told)


def test_installing_twice_is_once(recorded: pytest.LogCaptureFixture) -> None:
    factory = logging.getLogRecordFactory()
    logs.install()
    assert logging.getLogRecordFactory() is factory


def test_the_fields_are_in_the_record_for_any_formatter(fleet: Fleet, recorded: pytest.LogCaptureFixture) -> None:
    fleet.deliver(fleet.runner(), NEW)
    formatter = logging.Formatter("%(rota_job)s %(rota_run)s %(rota_attempt)d %(rota_queue)s")
    assert formatter.format(recorded.records[-1]).startswith("work r1 1 billing")
    assert json.dumps({name: vars(recorded.records[-1])[name] for name in FIELDS})
