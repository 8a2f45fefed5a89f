"""Whatever a manifest declares, its simulated runs are the occurrences that its schedules tell."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rota import Cron, Every, Job, Lock, Manifest, Once, Outcome, Queue
from rota.schedules import Schedule
from rota.testing import simulate

MINUTE = timedelta(minutes=1)
# Around a change of clocks in Berlin, in New York not long before, in Lord Howe a week later.
SOME_DAY = datetime(2026, 3, 27, tzinfo=UTC)

instants = st.integers(0, 6 * 24 * 60).map(lambda minutes: SOME_DAY + minutes * MINUTE)
dates = st.integers(0, 6).map(lambda days: date(2026, 3, 27) + timedelta(days=days))
windows = st.fixed_dictionaries(
    {},
    optional={
        "start": instants,
        "excluding": st.one_of(st.lists(dates, max_size=3), st.just(lambda moment: moment.hour % 3 == 0)),
    },
)
minutes = st.one_of(st.integers(0, 59).map(str), st.sampled_from(["*/20", "7-59/15", "30"]))
hours = st.one_of(st.integers(0, 23).map(str), st.sampled_from(["*", "*/3", "22-3", "1-3"]))
days = st.sampled_from(["* * *", "28-30 * *", "* * MON-FRI", "29 * SAT", "31 * *"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@st.composite
def crons(draw: st.DrawFn) -> Schedule:
    text = " ".join([draw(minutes), draw(hours), draw(days)])
    return Cron(text, time_zone=draw(zones), **draw(windows))


intervals = st.builds(
    lambda length, window: Every(length * MINUTE, **window), st.sampled_from([30, 48, 60, 480]), windows
)
schedules: st.SearchStrategy[Schedule] = st.one_of(crons(), intervals, st.builds(Once, instants))


@settings(max_examples=60)
@given(schedules=st.lists(schedules, min_size=1, max_size=4), start=instants, length=st.integers(1, 72), data=st.data())
def test_what_succeeds_is_what_is_due_and_the_rest_is_skipped(
    schedules: list[Schedule], start: datetime, length: int, data: st.DataObject
) -> None:
    end = start + timedelta(hours=length)
    jobs: list[Job[Any]] = [
        Job(name=f"job-{number}", handler="shop.jobs:run", target=Queue(name="reports"), schedule=schedule)
        for number, schedule in enumerate(schedules)
    ]
    found = simulate(
        Manifest(name="shop", jobs=jobs),
        start=start,
        end=end,
        handlers={job.name: lambda: None for job in jobs},
        durations=data.draw(st.sampled_from([{}, {"job-0": 5 * MINUTE}])),
    )
    assert len({run.id for run in found.runs}) == len(found.runs)
    for job, schedule in zip(jobs, schedules, strict=True):
        runs = found.of(job.name)
        assert [run.scheduled_at for run in runs if run.outcome is Outcome.SUCCEEDED] == list(
            schedule.between(start, end)
        )
        for run in runs:
            assert run.scheduled_at is not None
            refusal = schedule.refusal(run.scheduled_at)
            assert (run.outcome, run.reason) == (
                (Outcome.SUCCEEDED, "handler returned") if refusal is None else (Outcome.SKIPPED, refusal)
            )


@settings(max_examples=40)
@given(
    every=st.integers(1, 40),
    takes=st.lists(st.integers(0, 100), min_size=1, max_size=10),
    overlap=st.sampled_from(["skip", "wait", "cancel_running"]),
    limit=st.integers(1, 3),
)
def test_no_more_than_a_locks_places_ever_run_at_once(every: int, takes: list[int], overlap: Any, limit: int) -> None:
    runs = iter(range(10_000))
    work: Job[Any] = Job(
        name="work",
        handler="shop.jobs:run",
        target=Queue(name="reports"),
        schedule=Every(every * MINUTE),
        lock=Lock(overlap=overlap, limit=limit),
    )
    found = simulate(
        Manifest(name="shop", jobs=[work]),
        start=SOME_DAY,
        end=SOME_DAY + 12 * every * MINUTE,
        handlers={"work": lambda: None},
        durations={"work": lambda run: takes[next(runs) % len(takes)] * MINUTE},
        servers=3,
    )
    assert all(run.outcome is not None for run in found.runs)
    attempts = [attempt for run in found.runs for attempt in run.attempts]
    for one in attempts:
        at_once = [
            other
            for other in attempts
            if other.started_at <= one.started_at < other.started_at + other.duration or other is one
        ]
        assert len(at_once) <= limit
