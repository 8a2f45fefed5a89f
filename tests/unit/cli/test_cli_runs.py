"""`rota runs` and `rota show`, against moto."""

import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from rota.cli.runs import _short
from rota.errors import LedgerError
from rota.ledger import Ledger
from rota.run import Outcome

NIGHT = datetime(
    2126, 11, 21, 2, 0, tzinfo=UTC
)  # the ledger goes by AWS's time: what is older than its proof, it refuses
DAY = timedelta(days=1)
NOTE = "in logs and metrics only, not on record: every run of plain; what is enqueued of close-books, sync\n"


@pytest.fixture
def recorded(operated):
    """Three nights of close-books, one of sync at the same instant as the second, and a mail."""
    operated.claim("close-books", NIGHT - 2 * DAY, target="slow").complete(Outcome.SUCCEEDED, "handler returned")
    operated.claim("close-books", NIGHT - DAY, target="slow").complete(Outcome.FAILED, "attempts exhausted (3): x\ny")
    operated.claim("sync", NIGHT - DAY).complete(Outcome.SUCCEEDED, "handler returned")
    operated.claim("close-books", NIGHT, target="slow")
    operated.claim("mail", NIGHT + DAY, run="mail@2126-11-22T02:00:00Z~00ff").complete(Outcome.SUCCEEDED, "fine")
    return operated


def listed(out):
    return [(run["run"], run["outcome"] or run["state"]) for run in json.loads(out)["runs"]]


ALL = [
    ("mail@2126-11-22T02:00:00Z~00ff", "succeeded"),
    ("close-books@2126-11-21T02:00:00Z", "running"),
    ("sync@2126-11-20T02:00:00Z", "succeeded"),
    ("close-books@2126-11-20T02:00:00Z", "failed"),
    ("close-books@2126-11-19T02:00:00Z", "succeeded"),
]


def test_all_jobs_are_merged_the_newest_first(recorded, run):
    code, out, _ = run("runs", "--json")
    assert code == 0
    assert listed(out) == ALL  # both of one second: by target, "work" after "slow"
    assert json.loads(out)["after"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_miss_nothing_and_repeat_nothing(recorded, run, limit):
    operated = recorded
    operated.claim("sync", NIGHT, target="slow")  # stands at the same place as close-books of that night
    seen, more = [], ["runs", "--limit", str(limit)]
    while more:
        lines = run(*more)[1].splitlines()
        seen += [line.split()[0] for line in lines[1:] if "@" in line and not line.startswith(("more", "in logs"))]
        more = next(
            (shlex.split(line.removeprefix("more: rota ")) for line in lines if line.startswith("more: ")), None
        )
    assert sorted(seen) == sorted([name for name, _ in ALL] + ["sync@2126-11-21T02:00:00Z"])


def test_one_job_as_people_read_it(recorded, run):
    _, out, _ = run("runs", "close-books", "-n", "2")
    head, running, failed, more, note = out.splitlines()
    assert head.split() == ["RUN", "OUTCOME", "TOOK", "ATTEMPT", "STARTED", "SERVER", "TOKEN", "REASON"]
    assert running.startswith("close-books@2126-11-21T02:00:00Z  running  ")
    assert "web-1:7" in running
    assert failed.endswith("attempts exhausted (3): x y")
    assert more == "more: rota runs close-books --limit 2 --after 'close-books@2126-11-20T02:00:00Z#slow'"
    assert note == "in logs and metrics only, not on record: what is enqueued of close-books"


def test_jobs_are_asked_for_at_once(recorded, run, monkeypatch):
    together, pages = Barrier(3, timeout=30), Ledger.list

    def meets(self, job, **where):
        together.wait()  # one after the other, nobody would come
        return pages(self, job, **where)

    monkeypatch.setattr(Ledger, "list", meets)
    assert listed(run("runs", "--json")[1]) == ALL


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        ("ip-10-0-0-1.eu-west-1.compute.internal:7", "ip-10-0-0-1:7"),
        ("10.0.0.1:7", "10.0.0.1:7"),
        ("web-1:7", "web-1:7"),
    ],
)
def test_a_servers_domain_is_not_shown(server, shown):
    assert _short(server) == shown


def test_filters(recorded, run):
    assert listed(run("runs", "--outcome", "failed", "--json")[1]) == [ALL[3]]
    assert listed(run("runs", "--outcome", "running", "--json")[1]) == [ALL[1]]
    code, _, err = run("runs", "--since", "soon")
    assert code == 2
    assert "'soon' is not a duration such as 30min, 2h or 7d" in " ".join(err.replace("│", " ").split())


def test_since_counts_from_the_ledgers_time(operated, run):
    now = datetime.now(UTC).replace(microsecond=0)
    operated.claim("sync", now - timedelta(minutes=90))
    operated.claim("sync", now - timedelta(hours=3))
    assert len(listed(run("runs", "sync", "--since", "2h", "--json")[1])) == 1
    assert len(listed(run("runs", "--since", "4h", "--json")[1])) == 2


def test_since_ever(recorded, run):
    assert listed(run("runs", "--since", "999999d", "--json")[1]) == ALL


def test_an_older_id_of_another_program_does_not_end_what_is_listed_since(operated, run):
    now = datetime.now(UTC).replace(microsecond=0)
    operated.claim("mail", now - DAY, run="mail@zebra")  # sorts before all instants
    operated.claim("mail", now, run=f"mail@{now:%Y-%m-%dT%H:%M:%SZ}~00ff")
    assert listed(run("runs", "mail", "--since", "2h", "--json")[1]) == [
        (f"mail@{now:%Y-%m-%dT%H:%M:%SZ}~00ff", "running")
    ]


def test_where_nothing_is_on_record(operated, run):
    assert run("runs") == (0, "no run is on record\n" + NOTE, "")
    assert run("runs", "plain")[1].endswith("in logs and metrics only, not on record: every run of plain\n")
    assert run("runs", "mail")[1] == "no run is on record\n"


def test_a_run_with_its_attempts(operated, run):
    claim = operated.claim("close-books", NIGHT, target="slow")
    claim.complete(Outcome.FAILED, "ValueError: \x1b[31mno paper", retry_at=NIGHT + DAY)
    code, out, _ = run("show", "close-books@2126-11-21T02:00:00Z")
    assert code == 0
    assert out.startswith("close-books@2126-11-21T02:00:00Z  waiting\n")
    assert "  target        slow\n" in out
    assert "  next attempt  2126-11-22 02:00:00Z\n" in out
    assert "\x1b" not in out
    assert out.splitlines()[-1].startswith("1        failed   ")
    assert out.splitlines()[-1].endswith("ValueError: ?[31mno paper")
    read = json.loads(run("show", "close-books@2126-11-21T02:00:00Z", "--json")[1])["runs"][0]
    assert (read["state"], read["attempt"], read["history"][0]["outcome"]) == ("waiting", 2, "failed")
    assert read["history"][0]["token"] == claim.token


def test_any_id_is_found(operated, run):
    operated.claim("mail", NIGHT, run="mail@2126-11-21T02:00:00Z~00ff")
    operated.claim("mail", NIGHT, run="from-another-program")
    operated.claim("mail", NIGHT, run="plain@odd")
    operated.claim("sync", NIGHT, target="an-older-queue")
    for name in ("mail@2126-11-21T02:00:00Z~00ff", "from-another-program", "plain@odd", "sync@2126-11-21T02:00:00Z"):
        assert run("show", name)[1].startswith(f"{name}  running\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonsense", "run 'nonsense' is not on record of any job of manifest 'shop'; see: rota runs"),
        ("plain@2126-11-21T02:00:00Z~00ff", "'plain' has neither a lock nor a unique key"),
        ("sync@2126-11-21T02:00:00Z", "no server has taken it yet, or it was more than 45 days ago"),
    ],
)
def test_a_run_that_is_not_on_record(operated, run, name, said):
    code, out, err = run("show", name)
    assert (code, out) == (2, "")
    assert said in err


def test_a_deployment_without_a_ledger_says_what_to_type(operated, run):
    operated.deploy(replace(operated.settings, ledger=None))
    for arguments in (["runs"], ["show", "sync@2126-11-21T02:00:00Z"]):
        code, _, err = run(*arguments)
        assert code == 2
        assert err == "error: the deployment of 'shop', stage 'default', has no ledger; deploy again: `cdk deploy`\n"


def test_no_deployment_and_no_such_job(operated, run):
    assert "did you mean close-books?" in run("runs", "closebooks")[2]
    operated.ssm.delete_parameter(Name="/rota/shop/default")
    assert "there is no parameter /rota/shop/default" in run("runs")[2]


def test_who_is_not_let_in_hears_what_grants_it(operated, run, monkeypatch):
    def denied(*_, **__):
        raise LedgerError("table t did not query: An error occurred (AccessDeniedException) when calling Query")

    monkeypatch.setattr("rota.ledger.ledger.Ledger.list", denied)
    code, _, err = run("runs")
    assert code == 2
    assert err.endswith("; these credentials need what `Rota.grant_operate(...)` grants\n")
