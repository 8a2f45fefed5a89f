"""`rota redrive --job`: of a place where the runs of several jobs lie, one job's."""

from datetime import UTC, datetime

from rota.envelope import Envelope

NIGHT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def test_the_runs_of_other_jobs_stay_where_they_are(operated, run):
    operated.send("slow_dead", Envelope(job="close-books", scheduled_at=NIGHT).encode())
    operated.send("slow_dead", Envelope(job="another", run="r-1").encode())

    assert run("redrive", "--job", "close-books", "--yes")[0] == 0

    assert [one["run"] for one in operated.received("slow")] == ["close-books@2026-11-21T02:00:00Z"]
    assert operated.waiting("slow_dead") == 1
