"""Beat schedules of real Celery applications."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from celery.schedules import crontab, schedule
from hypothesis import given, settings
from hypothesis import strategies as st

from rota.handlers import resolve
from rota.importing.celery_beat import read_celery
from rota.importing.declarations import write
from rota.importing.found import CronText, Found, FoundJob, Remark, UnreadableError

app = Celery("shop", broker="memory://")


@app.task
def clean() -> str:
    return "clean"


@app.task(bind=True, time_limit=600, autoretry_for=(OSError,), max_retries=4)
def sync(self: Any, everything: bool = False) -> tuple[str, bool]:
    return self.name, everything


@app.task
def mail(to: str, subject: str = "") -> None: ...


class Report(app.Task):
    name = "report"

    def run(self) -> None: ...


app.register_task(Report())
HERE = __name__
COUNTED = (
    "it was counted by Celery from the start of beat; an Every that divides the day counts from midnight UTC, any "
    "other from its deploy"
)


def read(entry: dict[str, Any], *, zone: str | None = None, time_zone: str | None = None, **conf: Any) -> Found:
    """The jobs of a beat schedule of one entry."""
    app.conf.update(beat_schedule={"the entry": entry}, timezone=zone, task_routes=None, **conf)
    app.__dict__.pop("timezone", None)  # a cached property
    return read_celery(app, where="shop:app", time_zone=time_zone)


def only(entry: dict[str, Any], **options: Any) -> FoundJob:
    (job,) = read(entry, **options)
    assert isinstance(job, FoundJob)
    return job


def scheduled(when: Any, **options: Any) -> FoundJob:
    return only({"task": named("clean"), "schedule": when}, **options)


def zone_of(job: FoundJob) -> str:
    assert isinstance(job.when, CronText)
    return job.when.time_zone


def named(task: str) -> str:
    return f"{HERE}.{task}"


def test_an_entry() -> None:
    entry = {"task": named("clean"), "schedule": crontab("0", "2"), "options": {"queue": "low", "expires": 60.0}}
    assert only(entry, zone="Europe/Berlin") == FoundJob(
        place="beat_schedule['the entry']",
        source=f"{named('clean')}, <crontab: 0 2 * * * (m/h/dM/MY/d)>",
        name="the entry",
        when=CronText(expression="0 2 * * *", time_zone="Europe/Berlin"),
        handler=f"{HERE}:clean",
        queue="low",
        attempts=1,
        start_deadline=timedelta(minutes=1),
    )


@pytest.mark.parametrize("when", [300, 300.0, timedelta(minutes=5), schedule(timedelta(minutes=5)), schedule(300)])
def test_intervals(when: Any) -> None:
    job = scheduled(when)
    assert job.when == timedelta(minutes=5)
    assert job.remarks == (COUNTED,)


def test_the_zone_is_that_of_the_application_or_the_one_given_or_utc() -> None:
    entry = {"task": named("clean"), "schedule": crontab()}
    assert zone_of(only(entry, zone="Asia/Tokyo", time_zone="Europe/Berlin")) == "Asia/Tokyo"
    assert zone_of(only(entry, time_zone="Europe/Berlin")) == "Europe/Berlin"
    assert zone_of(only(entry)) == "UTC"


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({"minute": "*/15", "hour": [1, 2], "day_of_week": "monday"}, "*/15 1,2 * * 1"),
        ({"minute": 0, "hour": "22-2", "day_of_week": "fri-mon"}, "0 22-2 * * fri-mon"),
        ({"minute": "0-30/10,45", "day_of_month": "1-31"}, "0,10,20,30,45 * * * *"),
        ({"minute": 0, "hour": 0, "month_of_year": "*/3"}, "0 0 * */3 *"),
    ],
)
def test_fields_of_a_crontab(fields: dict[str, Any], expression: str) -> None:
    assert only({"task": named("clean"), "schedule": crontab(**fields)}).when == CronText(expression=expression)


def test_both_day_fields_mean_days_that_fit_both() -> None:
    job = only({"task": named("clean"), "schedule": crontab(0, 0, day_of_week="fri", day_of_month="13")})
    assert job.when == CronText(expression="0 0 * * fri", only_days=(13,))
    assert job.remarks == ("Celery means days that fit both day fields, so the others are excluded",)


some = {
    "minute": st.sampled_from(["0", "*/20", "5-50/7", "1,2"]),
    "hour": st.sampled_from(["*", "*/7", "22-3", "4"]),
    "day_of_month": st.sampled_from(["*", "*/2", "1-7", "31", "2-20/3"]),
    "month_of_year": st.sampled_from(["*", "*/2", "11-2", "2,3"]),
    "day_of_week": st.sampled_from(["*", "mon-fri", "*/2", "saturday", "0,6", "5-1"]),
}


@settings(max_examples=60)
@given(st.fixed_dictionaries(some))
def test_a_job_is_due_when_celery_would_run_it(fields: dict[str, str]) -> None:
    entry = {"task": named("clean"), "schedule": crontab(**fields)}
    found = read(entry)
    scope: dict[str, Any] = {"__name__": "jobs"}
    exec(write(found, manifest="shop", queue="work", source="x").text, scope)
    ours = scope["manifest"].jobs[0].schedule
    moment, theirs = datetime(2026, 1, 30, 22, 58, tzinfo=UTC), []
    for _ in range(12):
        now = moment
        beat = crontab(**fields, nowfun=lambda now=now: now, app=app)
        moment += beat.remaining_estimate(moment)
        theirs.append(moment.replace(microsecond=0))
    due, at = [], datetime(2026, 1, 30, 22, 58, tzinfo=UTC)
    while len(due) < 12:
        at = ours.next(at)
        due.append(at)
    assert due == theirs


@pytest.mark.parametrize("task", ["clean", "sync"])
def test_a_task_can_be_called_as_a_handler(task: str) -> None:
    job = only({"task": named(task), "schedule": 60})
    scope: dict[str, Any] = {"__name__": "jobs"}
    exec(write((job,), manifest="shop", queue="work", source="x").text, scope)
    handler = resolve(scope["manifest"].jobs[0])
    assert handler.function() == {"clean": "clean", "sync": (named("sync"), False)}[task]


def test_retries_and_limits_of_a_task() -> None:
    job = only({"task": named("sync"), "schedule": 60})
    assert (job.attempts, job.timeout) == (5, timedelta(minutes=10))
    assert "any exception" in job.remarks[1]


def test_the_limit_of_all_tasks() -> None:
    entry = {"task": named("clean"), "schedule": 60}
    assert only(entry).timeout is None
    assert only(entry, task_time_limit=120).timeout == timedelta(minutes=2)
    app.conf.task_time_limit = None


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            {"task": named("mail"), "args": ["a@b.c"], "kwargs": {"subject": "x"}},
            "it is called as mail('a@b.c', subject='x'), ",
        ),
        ({"task": named("mail")}, "it is called as mail(), "),
        ({"task": "gone.away"}, "the application has no task 'gone.away'; "),
        ({"task": "report"}, "task 'report' is no function that its module has by that name: "),
        ({"task": named("clean"), "schedule": object()}, "its schedule is <object object"),
        ({"task": named("clean"), "schedule": 30}, "Every: interval must be from 0:01:00"),
    ],
)
def test_what_is_left_out(entry: dict[str, Any], reason: str) -> None:
    assert (only({"schedule": 60, **entry}).problem or "").startswith(reason)


def test_options_that_are_not_carried_are_said() -> None:
    at = datetime(2027, 1, 1, tzinfo=UTC)
    job = only({"task": named("clean"), "schedule": 60, "options": {"priority": 3, "expires": at}})
    assert job.start_deadline is None
    assert job.remarks == (f"options not carried: priority=3, expires={at!r}", COUNTED)


def test_routes_are_said() -> None:
    app.conf.update(beat_schedule={}, timezone=None, task_routes={"a": "b"})
    assert read_celery(app, where="shop:app")[0] == Remark(
        "shop:app", "task_routes are not read; put jobs on other queues by target="
    )
    app.conf.task_routes = None


def test_an_empty_schedule_and_one_that_is_kept_elsewhere_are_said() -> None:
    empty = Celery("empty", broker="memory://", set_as_current=False)
    assert read_celery(empty, where="shop:app") == (
        Remark("shop:app", "its beat_schedule is empty; name the application that beat is started with"),
    )
    empty.conf.beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    remark = read_celery(empty, where="shop:app")[0]
    assert isinstance(remark, Remark)
    assert remark.text.startswith("beat_scheduler is 'django_celery_beat.schedulers:DatabaseScheduler': ")
    assert remark.left_out


@pytest.mark.parametrize("signal", ["on_after_configure", "on_after_finalize"])
def test_what_is_added_at_a_signal_is_read(signal: str) -> None:
    other = Celery("other", broker="memory://", set_as_current=False)

    def add(sender: Celery, **_: Any) -> None:
        sender.add_periodic_task(60.0, sender.signature(named("clean")), name="added")

    getattr(other, signal).connect(add)
    (job,) = read_celery(other, where="shop:app")
    assert isinstance(job, FoundJob)
    assert (job.name, job.when) == ("added", timedelta(minutes=1))


class TzAware(crontab):
    """As that of django-celery-beat: an instance has a zone."""

    def __init__(self, *fields: str, tz: tzinfo) -> None:
        super().__init__(*fields, nowfun=lambda: datetime.now(tz))
        self.tz = tz

    def is_due(self, last_run_at: datetime) -> Any:
        return super().is_due(last_run_at.astimezone(self.tz))


class InTokyo(crontab):
    @cached_property
    def tz(self) -> tzinfo:
        return ZoneInfo("Asia/Tokyo")


class OnWorkdays(crontab):
    def is_due(self, last_run_at: datetime) -> Any: ...


class NowAndThen(schedule):
    def is_due(self, last_run_at: datetime) -> Any: ...


@pytest.mark.parametrize("when", [TzAware("0", "2", tz=ZoneInfo("Asia/Tokyo")), InTokyo("0", "2")])
def test_an_entry_may_have_a_zone_of_its_own(when: crontab) -> None:
    job = scheduled(when, zone="Europe/Berlin")
    assert job.problem is None
    assert zone_of(job) == "Asia/Tokyo"


def test_what_celery_remembers_is_no_zone_of_its_own() -> None:
    when = crontab("0", "2", app=app)
    app.conf.timezone = None
    app.__dict__.pop("timezone", None)
    assert str(when.tz) == "UTC"  # and so it is kept
    assert zone_of(scheduled(when, time_zone="Europe/Berlin")) == "Europe/Berlin"


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (crontab("0", "2", nowfun=lambda: datetime.now(ZoneInfo("Asia/Tokyo"))), "its schedule has a clock of its own"),
        (OnWorkdays("0", "2"), "its schedule decides by itself when it is due (OnWorkdays.is_due): "),
        (NowAndThen(60), "its schedule decides by itself when it is due (NowAndThen.is_due): "),
    ],
)
def test_what_goes_by_something_else_is_left_out(when: Any, reason: str) -> None:
    assert (scheduled(when).problem or "").startswith(reason)
    assert scheduled(crontab("0", "2", nowfun=app.now)).problem is None


@pytest.mark.parametrize("thing", [None, clean, "x"])
def test_what_is_no_application(thing: Any) -> None:
    with pytest.raises(UnreadableError, match="'x:y' is of type"):
        read_celery(thing, where="x:y")
