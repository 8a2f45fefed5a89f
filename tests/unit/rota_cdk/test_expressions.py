"""The message that a rule or a schedule sends."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota import Cron, Every, Job, Once, Queue
from rota_cdk.expressions import rule_template, schedule_input

QUEUE = Queue(name="billing")


@dataclass(frozen=True)
class Text:
    text: str = "default"


@dataclass(frozen=True)
class Stamped:
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def _job(payload=None, value=None):
    return Job(name="job", handler="a:b", target=QUEUE, payload=payload, input=value, schedule=Cron("0 2 * * *"))


def _fired(template):
    """As EventBridge renders it: it puts quotes around text, and decodes nothing."""
    assert template.count("<") == template.count(">") == 1
    return json.loads(template.replace("<fired_at>", '"2031-05-01T02:00:00Z"'))


def _scheduled(text):
    assert text.count("<") == text.count(">") == 1
    return json.loads(text.replace("<aws.scheduler.scheduled-time>", "2031-05-01T02:00:00Z"))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Cron("0 2 * * *"), False),
        (Cron.aws("0 18 ? * MON-FRI *"), False),
        (Every(timedelta(minutes=5)), False),
        (Every(timedelta(minutes=90)), False),
        (Every(timedelta(minutes=7)), True),
        (Every(timedelta(days=2)), True),
        (Once(datetime(2031, 5, 1, tzinfo=UTC)), True),
        (Cron("0 2 * * *", time_zone="Europe/Berlin"), True),
        (Cron("0 2 * * *", flexible_window=timedelta(minutes=15)), True),
    ],
)
def test_only_a_utc_cron_fits_a_rule(schedule, expected):
    assert schedule.needs_scheduler is expected


@given(st.text())
def test_any_text_in_a_payload_arrives_as_it_was_and_is_never_taken_for_a_placeholder(text):
    job = _job(Text, Text(text))

    assert _fired(rule_template([job]))["payload"] == {"text": text}
    assert _scheduled(schedule_input([job]))["payload"] == {"text": text}


@pytest.mark.parametrize("text", ["<fired_at>", "<aws.scheduler.scheduled-time>", "<aws.events.event>", "a < b > c"])
def test_a_payload_that_looks_like_a_placeholder_is_escaped(text):
    job = _job(Text, Text(text))

    assert text not in rule_template([job]).partition('"fired_at"')[0]
    assert _fired(rule_template([job]))["payload"]["text"] == text
    assert _scheduled(schedule_input([job]))["payload"]["text"] == text


def test_defaults_are_left_to_the_worker_so_that_a_deploy_freezes_no_time_in_them():
    assert _fired(rule_template([_job(Stamped)]))["payload"] == {}


def test_a_job_without_payload_sends_none():
    assert _fired(rule_template([_job()])) == {"rota": 1, "job": "job", "fired_at": "2031-05-01T02:00:00Z"}
    assert _scheduled(schedule_input([_job()])) == {"rota": 1, "job": "job", "scheduled_at": "2031-05-01T02:00:00Z"}
