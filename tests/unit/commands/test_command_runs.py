"""Jobs with a command, by the runner: their outcomes, retries and records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rota import CommandError, Lock, Outcome, Retry
from rota.envelope import Envelope
from rota.verdicts import Acknowledge, DeadLetter, SendAgain

if TYPE_CHECKING:
    from tests.unit.conftest import Fleet


def deliver(fleet: Fleet, script: str, **declared: Any) -> Any:
    runner = fleet.runner(handler="", command=["sh", "-c", script], **declared)
    return fleet.deliver(runner, Envelope(job="work", run="1"))


def test_a_command_that_succeeds_is_acknowledged_with_its_output(
    fleet: Fleet, recorded: pytest.LogCaptureFixture
) -> None:
    verdict = deliver(fleet, "echo sold $ROTA_JOB $ROTA_RUN; echo oops >&2")
    assert (verdict.outcome, verdict.settle) == (Outcome.SUCCEEDED, Acknowledge())
    assert verdict.reason == "exit code 0; its output ends:\nsold work 1\noops"
    printed = [record for record in recorded.records if record.name == "rota.command"]
    assert [record.getMessage() for record in printed] == ["sold work 1", "oops"]
    assert {vars(record)["rota_run"] for record in printed} == {"1"}


def test_a_command_that_fails_is_tried_again_and_then_dead_lettered(
    fleet: Fleet, recorded: pytest.LogCaptureFixture
) -> None:
    verdict = deliver(fleet, "echo no disk; exit 3")
    assert verdict.outcome is Outcome.FAILED
    assert isinstance(verdict.settle, SendAgain)
    assert verdict.reason == "exit code 3; its output ends:\nno disk"
    assert not any(record.exc_info for record in recorded.records)
    last = deliver(fleet, "echo no disk; exit 3", retry=Retry(attempts=1))
    assert isinstance(last.settle, DeadLetter)
    assert last.reason == "attempts exhausted (1): exit code 3; its output ends:\nno disk"


@pytest.mark.parametrize("error", [CommandError, "rota.errors:CommandError", "rota:CommandError"])
def test_retries_know_a_commands_failure(fleet: Fleet, error: Any) -> None:
    assert isinstance(deliver(fleet, "exit 3", retry=Retry(on=[error])).settle, SendAgain)
    assert isinstance(deliver(fleet, "exit 3", retry=Retry(on=["OSError"])).settle, DeadLetter)
    given_up = deliver(fleet, "exit 3", retry=Retry(give_up_on=[error]))
    assert given_up.reason == "not to be tried again: exit code 3, without output"


def test_a_program_that_is_not_there_is_tried_again_for_a_deploy_may_bring_it(fleet: Fleet) -> None:
    runner = fleet.runner(handler="", command=["./no/such"])
    verdict = fleet.deliver(runner, Envelope(job="work", run="1"))
    assert isinstance(verdict.settle, SendAgain)
    assert verdict.reason == f"./no/such cannot be started: there is no './no/such' in {Path.cwd()}"


def test_output_and_exit_code_are_on_record(fleet: Fleet) -> None:
    runner = fleet.runner(handler="", command=["sh", "-c", "echo token $ROTA_TOKEN"], ledger=True, lock=Lock())
    verdict = fleet.deliver(runner, Envelope(job="work", run="1"))
    assert verdict.on_record
    token = fleet.record.token
    assert (fleet.record.outcome, fleet.record.reason) == (
        Outcome.SUCCEEDED,
        f"exit code 0; its output ends:\ntoken {token}",
    )


def test_nothing_of_a_message_becomes_part_of_what_is_run(fleet: Fleet) -> None:
    runner = fleet.runner(handler="", command=["sh", "-c", 'echo "$#" "$@"', "own"])
    body = '{"rota":1,"job":"work","run":"$(id)","command":["id"],"payload":{"command":["id"]},"handler":"os:getpid"}'
    assert fleet.deliver(runner, body).reason == "exit code 0; its output ends:\n0"
