"""CronJobs of Kubernetes."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from rota import Cron
from rota.importing.found import CronText, FoundJob, Remark, UnreadableError
from rota.importing.kubernetes import read_kubernetes


def cron_job(schedule="0 2 * * *", *, job=None, pod=None, container=None, **spec):
    """A CronJob as a mapping."""
    container = {"name": "main", "command": ["./x"], **(container or {})}
    template = {"spec": {"containers": [container], "restartPolicy": "Never", **(pod or {})}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": schedule, **spec, "jobTemplate": {"spec": {"template": template, **(job or {})}}},
    }


def read(*manifests, **options):
    return read_kubernetes(yaml.safe_dump_all(manifests, sort_keys=False), source="c.yaml", **options)


def only(*arguments, **options):
    (found,) = read(cron_job(*arguments, **options), time_zone="UTC")
    return found


def test_a_cron_job():
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


def test_what_is_not_named_is_what_kubernetes_takes():
    found = only()
    assert (found.attempts, found.overlap, found.timeout, found.start_deadline) == (7, None, None, None)
    assert found.enabled


def test_replace_cancels_the_one_that_runs():
    assert only(concurrencyPolicy="Replace").overlap == "cancel_running"
    assert only(concurrencyPolicy="Allow").overlap is None


def test_what_is_not_carried_is_named_without_its_values():
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


def test_a_command_that_is_not_known_is_left_out():
    assert "names no command" in only(container={"command": None, "args": ["x"]}).problem
    assert "has 2 containers" in only(pod={"containers": [{"command": ["a"]}, {"command": ["b"]}]}).problem
    assert "has 0 containers" in only(pod={"containers": None}).problem
    found = only(container={"command": ["x", "$(TOKEN)"], "env": [{"name": "TOKEN", "value": "secret"}]})
    assert found.problem == "Kubernetes fills in $(TOKEN) from its env: write what it stands for"


def test_several_documents_and_lists():
    found = read(
        {"kind": "List", "items": [cron_job(), {"kind": "Service", "metadata": {"name": "web"}}]},
        cron_job(),
        time_zone="UTC",
    )
    assert [type(each) for each in found] == [FoundJob, Remark, FoundJob]
    assert found[1] == Remark("c.yaml: Service 'web'", "is no CronJob, and not read")


def test_without_a_zone_it_is_said_once_per_file():
    found = read(cron_job(), cron_job(), cron_job(timeZone="Asia/Tokyo"))
    assert [each.when.time_zone for each in found if isinstance(each, FoundJob)] == ["UTC", "UTC", "Asia/Tokyo"]
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
def test_schedules_as_its_library_reads_them(schedule, when):
    assert only(schedule).when == when


def test_a_stepped_star_beside_a_day_of_the_week_means_either():
    when = only("0 0 */2 * MON").when
    start = datetime(2026, 3, 1, tzinfo=UTC)
    days = [at.day for at in Cron(when.expression).between(start, start + timedelta(days=10))]
    assert days == [1, 2, 3, 5, 7, 9]  # odd days, and Monday the 2nd


@pytest.mark.parametrize(
    "value", [None, 3, "x", [], {"kind": "CronJob"}, {"kind": "CronJob", "spec": [1], "metadata": 3}]
)
def test_whatever_it_holds_it_is_said(value):
    for each in read_kubernetes(yaml.safe_dump(value), source="c.yaml"):
        assert isinstance(each, Remark) or each.problem


@pytest.mark.parametrize("text", ["{{ template }}: [", "a: 2026-02-30", "a: &x [*y]"])
def test_what_is_not_yaml(text):
    with pytest.raises(UnreadableError, match=r"^c.yaml is not YAML: .*; a template is to be filled in first"):
        read_kubernetes(text, source="c.yaml")
