"""CronJobs of Kubernetes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from rota import Cron
from rota.importing.found import CronText, Found, FoundJob, Remark, UnreadableError
from rota.importing.kubernetes import read_kubernetes


def cron_job(
    schedule: str = "0 2 * * *",
    *,
    job: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    container: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A CronJob as a mapping."""
    container = {"name": "main", "command": ["./x"], **(container or {})}
    template = {"spec": {"containers": [container], "restartPolicy": "Never", **(pod or {})}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": schedule, **spec, "jobTemplate": {"spec": {"template": template, **(job or {})}}},
    }


def read(*manifests: dict[str, Any], **options: Any) -> Found:
    return read_kubernetes(yaml.safe_dump_all(manifests, sort_keys=False), source="c.yaml", **options)


def only(*arguments: str, **options: Any) -> FoundJob:
    (found,) = read(cron_job(*arguments, **options), time_zone="UTC")
    assert isinstance(found, FoundJob)
    return found


def problem(**options: Any) -> str:
    """Why it is left out."""
    return only(**options).problem or ""


def test_a_cron_job() -> None:
    found = only(
        timeZone="Europe/Berlin",
        concurrencyPolicy="Forbid",
        startingDeadlineSeconds=200,
        suspend=True,
        job={"backoffLimit": 2, "activeDeadlineSeconds": 600},
        container={"command": ["/bin/sh", "-c"], "args": ["echo $$(date) $(date)"]},
    )
    assert found == FoundJob(
        place="c.yaml: CronJob 'nightly'",
        source="0 2 * * * Europe/Berlin",
        name="nightly",
        when=CronText(expression="0 2 * * *", time_zone="Europe/Berlin"),
        command=("/bin/sh", "-c", "echo $(date) $(date)"),
        attempts=3,
        timeout=timedelta(minutes=10),
        start_deadline=timedelta(seconds=200),
        overlap="skip",
        only_latest=True,
        enabled=False,
    )


def test_what_is_not_named_is_what_kubernetes_takes() -> None:
    found = only()
    assert (found.attempts, found.overlap, found.timeout, found.start_deadline) == (7, None, None, None)
    assert found.enabled


def test_replace_cancels_the_one_that_runs() -> None:
    assert only(concurrencyPolicy="Replace").overlap == "cancel_running"
    assert only(concurrencyPolicy="Allow").overlap is None


def test_what_is_not_carried_is_named_without_its_values() -> None:
    found = only(
        successfulJobsHistoryLimit=3,
        job={"ttlSecondsAfterFinished": 60},
        pod={"volumes": [{"name": "data"}], "serviceAccountName": "s"},
        container={"image": "busybox", "env": [{"name": "TOKEN", "value": "secret"}]},
    )
    assert found.remarks == (
        (
            "not carried: successfulJobsHistoryLimit; of its Job ttlSecondsAfterFinished; "
            "of its Pod volumes (data), serviceAccountName; of its container image, env (TOKEN)"
        ),
    )


def test_a_command_that_is_not_known_is_left_out() -> None:
    assert "names no command" in problem(container={"command": None, "args": ["x"]})
    assert "has 2 containers" in problem(pod={"containers": [{"command": ["a"]}, {"command": ["b"]}]})
    assert "has 0 containers" in problem(pod={"containers": None})


FROM = [{"secretRef": {"name": "db"}}]


@pytest.mark.parametrize(
    ("word", "container", "reason"),
    [
        ("$(TOKEN)", {"env": [{"name": "TOKEN", "value": "x"}]}, "Kubernetes fills in $(TOKEN) from its env: "),
        ("$$$(TOKEN)", {"env": [{"name": "TOKEN", "value": "x"}]}, "Kubernetes fills in $(TOKEN) from its env: "),
        ("a $(DB_HOST)", {"envFrom": FROM}, "Kubernetes may fill in $(DB_HOST) from its envFrom: "),
        ("a $(db.host)", {"envFrom": FROM}, "Kubernetes may fill in $(db.host) from its envFrom: "),
        ("$(SHOP_SERVICE_HOST):$(X)", {}, "Kubernetes fills in $(SHOP_SERVICE_HOST) from its env: "),
        ("$(SHOP_PORT_80_TCP_ADDR)", {}, "Kubernetes fills in $(SHOP_PORT_80_TCP_ADDR) from its env: "),
    ],
)
def test_a_command_that_kubernetes_fills_in_is_left_out(word: str, container: dict[str, Any], reason: str) -> None:
    assert problem(container={"command": ["x", word], **container}).startswith(reason)


@pytest.mark.parametrize(
    ("written", "run"),
    [
        ("echo $$", "echo $"),
        ("kill $$$$", "kill $$"),
        ("$$(TOKEN)", "$(TOKEN)"),
        ("$(date +%F) ${X} $Y $( $", "$(date +%F) ${X} $Y $( $"),
    ],
)
def test_a_dollar_is_read_as_kubernetes_reads_it(written: str, run: str) -> None:
    found = only(container={"command": [written], "env": [{"name": "TOKEN", "value": "x"}], "envFrom": FROM})
    assert (found.command, found.problem) == ((run,), None)


def test_words_that_yaml_takes_for_something_else() -> None:
    assert only(container={"command": ["x", True, False, 3]}).command == ("x", "true", "false", "3")


def test_an_interval_is_counted_anew() -> None:
    (remark,) = only("@every 1h30m").remarks
    assert remark.startswith(
        "it was counted by Kubernetes from when it ran last; an Every that divides the day counts "
    )


def test_a_list_that_is_within_itself() -> None:
    assert read_kubernetes("&a {kind: List, items: [*a, {kind: Pod, items: [*a]}]}", source="c.yaml") == (
        Remark("c.yaml: Pod ''", "is no CronJob, and not read"),
    )


def test_several_documents_and_lists() -> None:
    found = read(
        {"kind": "List", "items": [cron_job(), {"kind": "Service", "metadata": {"name": "web"}}]},
        cron_job(),
        time_zone="UTC",
    )
    assert [type(each) for each in found] == [FoundJob, Remark, FoundJob]
    assert found[1] == Remark("c.yaml: Service 'web'", "is no CronJob, and not read")


def test_without_a_zone_it_is_said_once_per_file() -> None:
    found = read(cron_job(), cron_job(), cron_job(timeZone="Asia/Tokyo"))
    assert [
        each.when.time_zone for each in found if isinstance(each, FoundJob) and isinstance(each.when, CronText)
    ] == ["UTC", "UTC", "Asia/Tokyo"]
    assert len([each for each in found if isinstance(each, Remark)]) == 1


@pytest.mark.parametrize(
    ("schedule", "when"),
    [
        ("CRON_TZ=Asia/Tokyo 0 2 * * *", CronText(expression="0 2 * * *", time_zone="Asia/Tokyo")),
        ("@every 1h30m", timedelta(minutes=90)),
        ("@daily", CronText(expression="@daily")),
        ("5/15 2 ? * *", CronText(expression="5-59/15 2 * * *")),
        ("0 2 */2 * MON", CronText(expression="0 2 1-31/2 * MON")),
        ("0 2 1 * */3,1", CronText(expression="0 2 1 * 0-6/3,1")),
        ("0 2 */1 * 1", CronText(expression="0 2 */1 * 1")),
    ],
)
def test_schedules_as_its_library_reads_them(schedule: str, when: CronText | timedelta) -> None:
    assert only(schedule).when == when


def test_a_stepped_star_beside_a_day_of_the_week_means_either() -> None:
    when = only("0 0 */2 * MON").when
    assert isinstance(when, CronText)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    days = [at.day for at in Cron(when.expression).between(start, start + timedelta(days=10))]
    assert days == [1, 2, 3, 5, 7, 9]  # odd days, and Monday the 2nd


@pytest.mark.parametrize(
    "value", [None, 3, "x", [], {"kind": "CronJob"}, {"kind": "CronJob", "spec": [1], "metadata": 3}]
)
def test_whatever_it_holds_it_is_said(value: Any) -> None:
    for each in read_kubernetes(yaml.safe_dump(value), source="c.yaml"):
        assert isinstance(each, Remark) or each.problem


@pytest.mark.parametrize("text", ["{{ template }}: [", "a: 2026-02-30", "a: &x [*y]"])
def test_what_is_not_yaml(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"^c.yaml is not YAML: .*; a template is to be filled in first"):
        read_kubernetes(text, source="c.yaml")
