"""Runs over HTTP, end to end: rule, trigger queue, Lambda, load balancer, real servers with the middleware."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rota.testing.local_aws import LocalAws, local_aws

APP = Path(__file__).parent / "http_app"
FLEET = ["one", "two", "three"]


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalAws, dict[str, str]]]:
    """The depot's app, deployed by the real CDK CLI."""
    if str(APP) not in sys.path:
        sys.path.insert(0, str(APP))
    with local_aws(log_file=tmp_path_factory.mktemp("depot") / "ministack.log") as aws:
        outputs = aws.deploy(APP, app=f"{sys.executable} app.py", env={"CDK_VALIDATION": "false"})
        yield aws, outputs["Depot"]


@pytest.fixture
def site(depot: tuple[LocalAws, dict[str, str]], tmp_path: Path) -> Iterator[Any]:
    from depot_site import Site

    site = Site(*depot, tmp_path)
    try:
        yield site
    finally:
        site.end()


@pytest.fixture(scope="module")
def jobs(depot: object) -> Any:
    """The manifest, importable once the app's folder is on the path."""
    import depot as declared

    return declared


def test_each_of_twenty_occurrences_runs_on_exactly_one_of_three_servers(site: Any, jobs: Any) -> None:
    site.start(*FLEET)
    runs = site.fire(jobs.note, 20)
    site.eventually(lambda: len(site.events("done")) >= 20 and site.settled())
    done = site.events("done")
    assert sorted(each["run"] for each in done) == sorted(runs)
    assert {each["server"] for each in done} == set(FLEET)
    assert {each["endpoint"] for each in done} == {"web"}
    records = {record.run: record for record in site.records(jobs.note)}
    assert {(str(records[run].outcome), len(records[run].history)) for run in runs} == {("succeeded", 1)}
    assert site.messages(site.queue.dead_letter_url) == 0


def test_of_two_endpoints_one_server_behind_each_runs_it(site: Any, jobs: Any) -> None:
    site.start("east-1", "east-2", endpoint="east")
    site.start("west-1", "west-2", endpoint="west")
    runs = site.fire(jobs.count_stock, 20)
    site.eventually(lambda: len(site.events("done")) >= 40 and site.settled())
    done = Counter((each["run"], each["endpoint"]) for each in site.events("done"))
    assert done == Counter((run, endpoint) for run in runs for endpoint in ("east", "west"))
    assert {each["server"].partition("-")[0] == each["endpoint"] for each in site.events("done")} == {True}


def test_with_one_of_three_dead_no_occurrence_is_lost(site: Any, jobs: Any) -> None:
    *_, third = site.start(*FLEET)
    third.kill()
    runs = site.fire(jobs.note, 20)
    # The balancer takes a while to see it; until then it answers 502 for it, and nobody knows what became of the run.
    assert third.port in site.healthy("web")
    site.eventually(lambda: len(site.events("done")) >= 20 and site.settled(), 120)
    done = site.events("done")
    assert sorted(each["run"] for each in done) == sorted(runs)
    assert {each["server"] for each in done} == {"one", "two"}
    assert site.messages(site.queue.dead_letter_url) == 0


def test_with_all_dead_it_is_a_dead_letter_with_the_reason_and_a_redrive_runs_it(site: Any, jobs: Any) -> None:
    (only,) = site.start("one")
    only.kill()
    run = site.enqueue(jobs.brief)
    site.eventually(lambda: site.messages(site.queue.dead_letter_url) == 1)
    [place] = [place for place in site.rota("dead")["places"] if place["runs"]]
    [letter] = place["runs"]
    assert (letter["run"], letter["job"]) == (run, "brief")
    assert "502" in letter["reason"]
    assert site.settled()

    site.start("two")
    site.rota("redrive", "--all", "--yes")
    site.eventually(lambda: site.events("done", run) and site.settled())
    assert [(each["server"], each["endpoint"]) for each in site.events("done")] == [("two", "web")]
    assert site.messages(site.queue.dead_letter_url) == 0


def test_a_run_of_a_server_that_was_killed_after_its_202_is_finished_by_another(site: Any, jobs: Any) -> None:
    servers = {server.name: server for server in site.start("one", "two")}
    (run,) = site.fire(jobs.pack)
    site.eventually(lambda: site.events("started", run))
    (first,) = site.events("started", run)
    assert not site.settled(), "202 leaves the message with the trigger"
    servers[first["server"]].kill()
    site.gate.touch()
    site.eventually(lambda: site.events("done", run) and site.settled(), 120)
    (second,) = site.events("done", run)
    assert second["server"] != first["server"]
    assert second["token"] > first["token"]
    (record,) = [record for record in site.records(jobs.pack) if record.run == run]
    assert (str(record.outcome), record.token) == ("succeeded", second["token"])


def test_every_server_runs_it_once(site: Any, jobs: Any) -> None:
    servers = site.start(*FLEET)
    runs = site.fire(jobs.drop_caches, 3)
    site.eventually(lambda: len(site.events("done")) >= 9)
    done = Counter((each["run"], each["server"], each["endpoint"]) for each in site.events("done"))
    expected = [(run, server.name, f"web/127.0.0.1:{server.port}") for run in runs for server in servers]
    assert done == Counter(expected)


def test_keys_are_rotated_while_occurrences_go_on(site: Any, jobs: Any) -> None:
    site.start(*FLEET)
    runs = site.fire(jobs.note, 10)
    site.eventually(lambda: len(site.events("done")) >= 10)
    site.rota("keys", "rotate")
    runs += site.fire(jobs.note, 10)
    # The local AWS ends calls under way when a function changes; AWS lets them finish.
    site.eventually(lambda: len(site.events("done")) >= 20 and site.settled())
    # Both know the new key from the start; the three servers do not know it yet.
    site.renew_trigger()
    site.start("late")
    runs += site.fire(jobs.note, 10)
    site.eventually(lambda: len(site.events("done")) >= 30 and site.settled())
    assert sorted(each["run"] for each in site.events("done")) == sorted(runs)
    assert len(site.rota("keys", "list")["keys"]) == 2
    logs = "".join(path.read_text() for path in site.folder.glob("*.log"))
    assert logs.count('"POST /jobs HTTP/1.1" 200') == 30
    assert '"POST /jobs HTTP/1.1" 401' not in logs
    assert site.messages(site.queue.dead_letter_url) == 0
