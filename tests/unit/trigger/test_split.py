"""Messages into parts: none is lost, and each delivery gives the same ones."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.envelope import Envelope
from rota.trigger.split import RollCall, Unfit, of_servers, split

KNOWN = ("web", "api")


def parts(message: object, *, endpoints: tuple[str, ...] = KNOWN) -> list[Any]:
    body = message if isinstance(message, str) else json.dumps(message)
    return list(split(body, message_id="m1", endpoints=endpoints))


def named(found: list[Any]) -> list[tuple[str, str, str | None]]:
    return [(part.job, part.post.endpoints[0], part.run) for part in found]


def test_one_job_to_one_endpoint_stays_one() -> None:
    [part] = parts({"rota": 1, "job": "a", "post": {"endpoints": ["web"], "timeout": 5}, "payload": {"x": 1}})
    assert (part.job, part.run, part.payload) == ("a", "m1", {"x": 1})
    assert (part.post.endpoints, part.post.timeout) == (("web",), 5.0)


def test_several_endpoints_of_an_enqueued_run_have_ids_of_their_own() -> None:
    found = parts({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web", "api", "web"]}})
    assert named(found) == [("a", "web", "r/web"), ("a", "api", "r/api")]


def test_an_occurrence_has_one_id_at_all_of_them() -> None:
    found = parts({"rota": 1, "job": "a", "fired_at": "2026-11-21T11:05:59.5Z", "post": {"endpoints": ["web", "api"]}})
    assert named(found) == [("a", "web", "a@2026-11-21T11:05:00Z"), ("a", "api", "a@2026-11-21T11:05:00Z")]
    # The instant is a guess: the server has to know when the rule fired.
    assert {part.fired_at for part in found} == {datetime(2026, 11, 21, 11, 5, 59, 500_000, tzinfo=UTC)}
    again = split(found[0].encode(), message_id="m2", endpoints=KNOWN)
    assert again == [found[0]]


def test_several_jobs_of_one_rule() -> None:
    message = {
        "rota": 1,
        "fired_at": "2026-11-21T11:05:01Z",
        "jobs": [{"job": "a", "post": {"endpoints": ["api"]}, "payload": 7}, "b"],
        "post": {"endpoints": ["web"]},
    }
    a, b = parts(message)
    assert (a.job, a.post.endpoints, a.payload, a.run) == ("a", ("api",), 7, "a@2026-11-21T11:05:00Z")
    assert (b.job, b.post.endpoints, b.payload, b.run) == ("b", ("web",), None, "b@2026-11-21T11:05:00Z")


def test_several_jobs_share_no_id() -> None:
    assert named(parts({"rota": 1, "jobs": ["a", "b"], "post": {"endpoints": ["web"]}})) == [
        ("a", "web", "m1/a"),
        ("b", "web", "m1/b"),
    ]
    assert named(parts({"rota": 1, "jobs": ["a", "b"], "run": "r", "post": {"endpoints": ["web"]}})) == [
        ("a", "web", "r/a"),
        ("b", "web", "r/b"),
    ]


def test_without_post_the_only_endpoint_is_meant() -> None:
    assert named(parts({"rota": 1, "job": "a"}, endpoints=("web",))) == [("a", "web", "m1")]
    [found] = parts({"rota": 1, "job": "a"})
    assert isinstance(found, Unfit)
    assert "several (api, web)" in found.reason


def test_every_server_has_a_run_of_its_own() -> None:
    enqueued, other = parts({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web/*", "api"]}})
    assert (enqueued.run, other.run) == ("r", "r/api")
    assert named(of_servers(enqueued, ["10.0.1.5:80", "i-1:80"])) == [
        ("a", "web/10.0.1.5:80", "r/web/10.0.1.5:80"),
        ("a", "web/i-1:80", "r/web/i-1:80"),
    ]
    [due] = parts({"rota": 1, "job": "a", "scheduled_at": "2026-11-21T11:05:00Z", "post": {"endpoints": ["web/*"]}})
    assert named(of_servers(due, ["x:1"])) == [("a", "web/x:1", "a@2026-11-21T11:05:00Z")]


def test_a_roll_call_comes_back_as_it_was_sent() -> None:
    roll_call = RollCall(job="a", endpoint="web", asked=("x:1",), run="r")
    assert parts(roll_call.encode()) == [roll_call]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([], "not an envelope"),
        ({"job": "a"}, "not an envelope"),
        ({"rota": 2, "job": "a"}, "envelope version 2"),
        ({"rota": 1, "job": "a", "jobs": ["b"]}, "both a job and jobs"),
        ({"rota": 1, "jobs": []}, "jobs must be a list"),
        ({"rota": 1, "jobs": "a"}, "jobs must be a list"),
        ({"rota": 1, "jobs": [3]}, "job must be a name"),
        ({"rota": 1, "job": "a", "run": 5, "post": {"endpoints": ["web"]}}, "run must be an id"),
        ({"rota": 1, "job": "a", "post": {"endpoints": []}}, "endpoints must be a list"),
        ({"rota": 1, "job": "a", "post": {"endpoints": "web"}}, "endpoints must be a list"),
        ({"rota": 1, "roll_call": 1}, "roll_call must have"),
    ],
)
def test_what_cannot_be_read_says_why(message: object, reason: str) -> None:
    [found] = parts(message)
    assert isinstance(found, Unfit)
    assert reason in found.reason


def test_one_bad_job_does_not_take_the_others_with_it() -> None:
    good, bad = parts({"rota": 1, "jobs": ["a", {"job": 1}], "post": {"endpoints": ["web"]}})
    assert good.job == "a"
    assert isinstance(bad, Unfit)
    assert json.loads(bad.body)["job"] == 1


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@given(
    jobs=st.lists(names, min_size=1, max_size=5, unique=True),
    endpoints=st.lists(names, min_size=1, max_size=5, unique=True),
    common=st.fixed_dictionaries(
        {},
        optional={
            "run": names,
            "scheduled_at": st.just("2026-11-21T11:05:00Z"),
            "fired_at": st.just("2026-11-21T11:05:09Z"),
            "payload": st.one_of(st.none(), st.integers(), st.text()),
        },
    ),
)
def test_no_pair_is_lost_and_each_can_be_sent_and_read_alone(
    jobs: list[str], endpoints: list[str], common: dict[str, Any]
) -> None:
    message = {"rota": 1, "jobs": jobs, "post": {"endpoints": endpoints}, **common}
    found = parts(message)
    assert found == parts(message)
    assert {(part.job, part.post.endpoints) for part in found} == {(a, (b,)) for a in jobs for b in endpoints}
    runs = {(part.job, part.post.endpoints, part.run) for part in found}
    assert len(runs) == len(found)
    for part in found:
        assert isinstance(part, Envelope)
        assert split(part.encode(), message_id="other", endpoints=()) == [part]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["rota", "job", "jobs", "post", "endpoints", "run", "roll_call", "fired_at"]), inner
            )
        ),
    )
)
def test_whatever_comes_has_a_part(message: object) -> None:
    assert parts(message)


def test_a_job_that_stands_twice_in_a_list_has_one_run() -> None:
    body = json.dumps({"rota": 1, "jobs": ["a", "a"], "post": {"endpoints": ["web"]}})
    first, second = split(body, message_id="m1", endpoints=["web"])
    assert isinstance(first, Envelope)
    assert first == second
