"""Beat schedules of real Celery applications."""

from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery
from celery.schedules import crontab, schedule
from hypothesis import given, settings
from hypothesis import strategies as st

from rota.handlers import resolve
from rota.importing.celery_beat import read_celery
from rota.importing.declarations import write
from rota.importing.found import CronText, FoundJob, Remark, UnreadableError

app = Celery("shop", broker="memory://")


@app.task
def clean():
    return "clean"


@app.task(bind=True, time_limit=600, autoretry_for=(OSError,), max_retries=4)
def sync(self, everything=False):
    return self.name, everything


@app.task
def mail(to, subject=""): ...


class Report(app.Task):
    name = "report"

    def run(self): ...


app.register_task(Report())
HERE = __name__


def read(entry, *, zone=None, time_zone=None, **conf):
    """The jobs of a beat schedule of one entry."""
    app.conf.update(beat_schedule={"the entry": entry}, timezone=zone, task_routes=None, **conf)
    app.__dict__.pop("timezone", None)  # a cached property
    return read_celery(app, where="shop:app", time_zone=time_zone)


def only(entry, **options):
    (job,) = read(entry, **options)
    return job


def named(task):
    return f"{HERE}.{task}"


def test_an_entry():
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
def test_intervals(when):
    assert only({"task": named("clean"), "schedule": when}).when == timedelta(minutes=5)


def test_the_zone_is_that_of_the_application_or_the_one_given_or_utc():
    entry = {"task": named("clean"), "schedule": crontab()}
    assert only(entry, zone="Asia/Tokyo", time_zone="Europe/Berlin").when.time_zone == "Asia/Tokyo"
    assert only(entry, time_zone="Europe/Berlin").when.time_zone == "Europe/Berlin"
    assert only(entry).when.time_zone == "UTC"


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({"minute": "*/15", "hour": [1, 2], "day_of_week": "monday"}, "*/15 1,2 * * 1"),
        ({"minute": 0, "hour": "22-2", "day_of_week": "fri-mon"}, "0 22-2 * * fri-mon"),
        ({"minute": "0-30/10,45", "day_of_month": "1-31"}, "0,10,20,30,45 * * * *"),
        ({"minute": 0, "hour": 0, "month_of_year": "*/3"}, "0 0 * */3 *"),
    ],
)
def test_fields_of_a_crontab(fields, expression):
    assert only({"task": named("clean"), "schedule": crontab(**fields)}).when == CronText(expression=expression)


def test_both_day_fields_mean_days_that_fit_both():
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
def test_a_job_is_due_when_celery_would_run_it(fields):
    entry = {"task": named("clean"), "schedule": crontab(**fields)}
    found = read(entry)
    scope = {"__name__": "jobs"}
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
def test_a_task_can_be_called_as_a_handler(task):
    job = only({"task": named(task), "schedule": 60})
    scope = {"__name__": "jobs"}
    exec(write((job,), manifest="shop", queue="work", source="x").text, scope)
    handler = resolve(scope["manifest"].jobs[0])
    assert handler.function() == {"clean": "clean", "sync": (named("sync"), False)}[task]


def test_retries_and_limits_of_a_task():
    job = only({"task": named("sync"), "schedule": 60})
    assert (job.attempts, job.timeout) == (5, timedelta(minutes=10))
    assert "any exception" in job.remarks[0]


def test_the_limit_of_all_tasks():
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
        ({"task": "report"}, "task 'report' is no function of a module: "),
        ({"task": named("clean"), "schedule": object()}, "its schedule is <object object"),
        ({"task": named("clean"), "schedule": 30}, "Every: interval must be from 0:01:00"),
    ],
)
def test_what_is_left_out(entry, reason):
    assert only({"schedule": 60, **entry}).problem.startswith(reason)


def test_options_that_are_not_carried_are_said():
    at = datetime(2027, 1, 1, tzinfo=UTC)
    job = only({"task": named("clean"), "schedule": 60, "options": {"priority": 3, "expires": at}})
    assert job.start_deadline is None
    assert job.remarks == (f"options not carried: priority=3, expires={at!r}",)


def test_routes_are_said():
    app.conf.update(beat_schedule={}, timezone=None, task_routes={"a": "b"})
    assert read_celery(app, where="shop:app") == (
        Remark("shop:app", "task_routes are not read; put jobs on other queues by target="),
    )
    app.conf.task_routes = None


@pytest.mark.parametrize("thing", [None, clean, "x"])
def test_what_is_no_application(thing):
    with pytest.raises(UnreadableError, match="'x:y' is of type"):
        read_celery(thing, where="x:y")
