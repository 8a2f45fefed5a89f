"""The wire format."""

import contextlib
import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.envelope import Envelope, Post
from rota.errors import EnvelopeError

ZONES = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda by: timezone(timedelta(minutes=by // timedelta(minutes=1)))
)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=ZONES)
TEXT = st.text(min_size=1)
JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner | st.none()),
    max_leaves=8,
)
SECONDS = st.floats(0, 10**6, exclude_min=True)
POSTS = st.builds(
    Post,
    endpoints=st.lists(TEXT, min_size=1).map(tuple),
    timeout=st.none() | SECONDS,
    start_deadline=st.none() | SECONDS,
    attempts=st.integers(1, 10**6),
    idempotent=st.booleans(),
)
ENVELOPES = st.builds(
    Envelope,
    job=TEXT,
    run=st.none() | TEXT,
    payload=st.none() | JSON,
    scheduled_at=st.none() | MOMENTS,
    fired_at=st.none() | MOMENTS,
    enqueued_at=st.none() | MOMENTS,
    attempt=st.integers(1, 10**6),
    handed_back_at=st.none() | MOMENTS,
    error=st.none() | st.text(),
    digest=st.none() | st.text(),
    not_before=st.none() | MOMENTS,
    redrives=st.integers(0, 10**6),
    redriven_by=st.none() | st.text(),
    post=st.none() | POSTS,
    endpoint=st.none() | st.text(),
)


@given(envelope=ENVELOPES)
def test_what_is_written_is_read(envelope: Envelope) -> None:
    body = envelope.encode()
    assert Envelope.decode(body) == envelope
    assert body.isascii(), "SQS refuses some other characters"
    assert json.loads(body)["rota"] == 1


def test_the_smallest_message_that_another_language_may_write() -> None:
    assert Envelope.decode('{"rota": 1, "job": "close-books"}') == Envelope(job="close-books")


def test_fields_that_are_null_or_unknown_are_as_if_absent() -> None:
    body = '{"rota":1,"job":"a","run":null,"payload":null,"scheduled_at":null,"error":null,"colour":"green"}'
    assert Envelope.decode(body) == Envelope(job="a")


def test_the_written_form_is_short() -> None:
    assert Envelope(job="a").encode() == '{"rota":1,"job":"a"}'
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert Envelope(job="a", run="r", scheduled_at=at, attempt=2).encode() == (
        '{"rota":1,"job":"a","run":"r","scheduled_at":"2026-01-02T02:04:05Z","attempt":2}'
    )


def test_what_the_trigger_is_told_is_short_too() -> None:
    message = Envelope(job="a", post=Post(endpoints=("web-eu", "web-us/*")))
    assert message.encode() == '{"rota":1,"job":"a","post":{"endpoints":["web-eu","web-us/*"]}}'
    full = Post(endpoints=("web",), timeout=30, start_deadline=3600.0, attempts=3, idempotent=True)
    assert json.loads(Envelope(job="a", post=full).encode())["post"] == {
        "endpoints": ["web"],
        "timeout": 30,
        "start_deadline": 3600.0,
        "attempts": 3,
        "idempotent": True,
    }


def test_fields_of_post_that_are_unknown_are_passed_over() -> None:
    body = '{"rota":1,"job":"a","post":{"endpoints":["web"],"timeout":null,"colour":"green"}}'
    assert Envelope.decode(body).post == Post(endpoints=("web",))


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z", "2026-01-02T04:04:05+01:00"])
def test_instants_of_other_programs(text: str) -> None:
    read = Envelope.decode(json.dumps({"rota": 1, "job": "a", "scheduled_at": text}))
    assert read.scheduled_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read.for_occurrence(read.scheduled_at).run == "a@2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "not JSON: "),
        ("hello", "not JSON: "),
        ('{"rota":1', "not JSON: "),
        pytest.param("[" * 100_000, "not JSON: ", id="deep"),
        ("[]", 'not an envelope: a JSON object with a "rota" version is expected'),
        ("null", "not an envelope"),
        ('{"job":"a"}', "not an envelope"),
        ('{"rota":2,"job":"a"}', "envelope version 2 is not known here; this rota reads version 1"),
        ('{"rota":"1","job":"a"}', "envelope version '1' is not known here"),
        ('{"rota":1}', "job must be a name; got None"),
        ('{"rota":1,"job":""}', "job must be a name; got ''"),
        ('{"rota":true,"job":"a"}', "envelope version True is not known here"),
        ('{"rota":1.0,"job":"a"}', "envelope version 1.0 is not known here"),
        ('{"rota":1,"job":7}', "job must be a name; got 7"),
        ('{"rota":1,"job":"a","run":""}', "run must be an id; got ''"),
        ('{"rota":1,"job":"a","run":5}', "run must be an id; got 5"),
        ('{"rota":1,"job":"a","attempt":0}', "attempt must be a whole number from 1 to 1000000; got 0"),
        ('{"rota":1,"job":"a","attempt":true}', "attempt must be a whole number from 1 to 1000000; got True"),
        ('{"rota":1,"job":"a","attempt":"2"}', "attempt must be a whole number from 1 to 1000000; got '2'"),
        ('{"rota":1,"job":"a","attempt":1.5}', "attempt must be a whole number from 1 to 1000000; got 1.5"),
        (
            f'{{"rota":1,"job":"a","attempt":{10**40}}}',
            f"attempt must be a whole number from 1 to 1000000; got {10**40}",
        ),
        (
            '{"rota":1,"job":"a","redrives":1000001}',
            "redrives must be a whole number from 0 to 1000000; got 1000001",
        ),
        ('{"rota":1,"job":"a","endpoint":["web"]}', "endpoint must be text; got ['web']"),
        ('{"rota":1,"job":"a","post":"web"}', "post must be a JSON object; got 'web'"),
        ('{"rota":1,"job":"a","post":["web"]}', "post must be a JSON object; got ['web']"),
        *(
            (
                f'{{"rota":1,"job":"a","post":{{"endpoints":{written}}}}}',
                f"post: endpoints must be a list of names; {got}",
            )
            for written, got in [("null", "got None"), ('"web"', "got 'web'"), ("[]", "got []"), ('[""]', "got ['']")]
        ),
        ('{"rota":1,"job":"a","post":{}}', "post: endpoints must be a list of names; got None"),
        *(
            (f'{{"rota":1,"job":"a","post":{{"endpoints":["web"],{field}}}}}', f"post: {said}")
            for field, said in [
                ('"timeout":0', "timeout must be seconds, above 0 and up to 1000000; got 0"),
                ('"timeout":true', "timeout must be seconds, above 0 and up to 1000000; got True"),
                ('"timeout":"30"', "timeout must be seconds, above 0 and up to 1000000; got '30'"),
                ('"timeout":NaN', "timeout must be seconds, above 0 and up to 1000000; got nan"),
                ('"timeout":Infinity', "timeout must be seconds, above 0 and up to 1000000; got inf"),
                ('"start_deadline":-1', "start_deadline must be seconds, above 0 and up to 1000000; got -1"),
                ('"attempts":0', "attempts must be a whole number from 1 to 1000000; got 0"),
                ('"attempts":null', "attempts must be a whole number from 1 to 1000000; got None"),
                ('"idempotent":1', "idempotent must be true or false; got 1"),
                ('"idempotent":"yes"', "idempotent must be true or false; got 'yes'"),
            ]
        ),
        ('{"rota":1,"job":"a","error":{}}', "error must be text; got {}"),
        ('{"rota":1,"job":"a","digest":5}', "digest must be text; got 5"),
        ('{"rota":1,"job":"a","redriven_by":[]}', "redriven_by must be text; got []"),
        ('{"rota":1,"job":"a","redrives":-1}', "redrives must be a whole number from 0 to 1000000; got -1"),
        ('{"rota":1,"job":"a","redrives":true}', "redrives must be a whole number from 0 to 1000000; got True"),
        ('{"rota":1,"job":"a","not_before":900}', "not_before must be an RFC 3339 time; got 900"),
        ('{"rota":1,"job":"a","fired_at":5}', "fired_at must be an RFC 3339 time; got 5"),
        ('{"rota":1,"job":"a","enqueued_at":""}', "enqueued_at must be an RFC 3339 time; got ''"),
        ('{"rota":1,"job":"a","handed_back_at":"soon"}', "handed_back_at must be an RFC 3339 time; got 'soon'"),
        (
            '{"rota":1,"job":"a","scheduled_at":"2026-01-02T03:04:05"}',
            "scheduled_at must have a time zone or end in Z; got '2026-01-02T03:04:05'",
        ),
        ('{"rota":1,"job":"a","scheduled_at":"0001-01-01T00:00:00+14:00"}', "scheduled_at must be an RFC 3339 time"),
        (
            '{"rota":1,"job":"a","scheduled_at":"<aws.scheduler.scheduled-time>"}',
            "scheduled_at must be an RFC 3339 time; got '<aws.scheduler.scheduled-time>'",
        ),
    ],
)
def test_refused_messages(body: str, said: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        Envelope.decode(body)
    assert str(caught.value).startswith(said)


@given(
    body=st.text()
    | JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(["endpoints", "timeout", "attempts", "idempotent"]), JSON | st.just(["web"])).map(
        lambda post: json.dumps({"rota": 1, "job": "a", "post": post})
    )
    | st.dictionaries(st.sampled_from(["rota", "job", "run", "attempt", "fired_at"]), JSON | st.just(1)).map(json.dumps)
)
def test_whatever_arrives_is_read_or_refused(body: str) -> None:
    with contextlib.suppress(EnvelopeError):
        Envelope.decode(body)


def test_a_new_run_has_an_id_of_its_own() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    one, other = (Envelope.new("a", {"x": 1}, now=now) for _ in range(2))
    assert re.fullmatch(r"a@2026-01-01T00:00:00Z~[0-9a-f]{16}", one.run or "")
    assert one.run != other.run
    assert (one.payload, one.enqueued_at, one.attempt) == ({"x": 1}, now, 1)


def test_a_run_without_an_id_gets_one_and_keeps_it() -> None:
    given_one = Envelope(job="a").identified()
    assert given_one.run
    assert given_one.identified() is given_one


def test_an_occurrence_is_the_same_run_however_it_arrives() -> None:
    at = datetime(2026, 1, 1, 2, tzinfo=UTC)
    by_schedule = Envelope(job="a", scheduled_at=at).for_occurrence(at)
    by_rule = Envelope(job="a", fired_at=at + timedelta(seconds=40)).for_occurrence(at)
    assert by_schedule.run == by_rule.run == "a@2026-01-01T02:00:00Z"
    assert by_rule.fired_at is None
    assert Envelope(job="a", run="mine").for_occurrence(at).run == "mine"
