"""The local AWS for real: the pinned ministack, the real CDK CLI, a small app."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rota.testing.local_aws import LocalAws, LocalAwsError, local_aws
from rota.testing.local_aws.commands import run
from rota.testing.local_aws.in_ministack.rota_launcher import private
from rota.testing.local_aws.installation import ministack_python

APP = """
import aws_cdk as cdk
from aws_cdk import aws_events as events, aws_iam as iam, aws_scheduler as scheduler, aws_sqs as sqs

app = cdk.App()
asked = app.node.try_get_context
stack = cdk.Stack(app, "Tiny")
queue = sqs.Queue(stack, "Queue", enforce_ssl=True)
cdk.CfnOutput(stack, "Url", value=queue.queue_url)
if asked("policy") != "none":
    queue.add_to_resource_policy(iam.PolicyStatement(
        principals=[iam.ServicePrincipal("events.amazonaws.com")],
        actions=["sqs:SendMessage"],
        resources=[queue.queue_arn],
        conditions={
            "ArnLike": {"aws:SourceArn": stack.format_arn(service="events", resource="rule", resource_name="tiny.*")},
            "StringEquals": {"aws:SourceAccount": stack.account},
        },
    ))
if asked("rule") != "none":
    events.CfnRule(
        stack, "Rule", name="tiny.job", state=asked("state") or "ENABLED",
        schedule_expression=asked("cron") or "cron(0 2 1 1 ? *)",
        targets=[events.CfnRule.TargetProperty(
            id="queue", arn=queue.queue_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue.queue_arn),
            retry_policy=events.CfnRule.RetryPolicyProperty(maximum_retry_attempts=3),
            input_transformer=events.CfnRule.InputTransformerProperty(
                input_paths_map={"time": "$.time"},
                input_template='{"rota":1,"job":"job","fired_at":<time>}',
            ),
        )],
    )
role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
group = scheduler.CfnScheduleGroup(stack, "Group", name="tiny")
schedule = scheduler.CfnSchedule(
    stack, "Schedule", name="nightly", group_name=asked("group") or group.ref,
    schedule_expression="cron(0 2 1 1 ? *)", schedule_expression_timezone="Europe/Berlin",
    flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
    target=scheduler.CfnSchedule.TargetProperty(
        arn=queue.queue_arn, role_arn=role.role_arn,
        input=stack.to_json_string({
            "scheduled_at": "<aws.scheduler.scheduled-time>",
            "execution_id": "<aws.scheduler.execution-id>",
            "attempt": "<aws.scheduler.attempt-number>",
            "arn": "<aws.scheduler.schedule-arn>",
        }),
    ),
)
app.synth()
"""
AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


class Tiny:
    """The deployed app."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws = aws
        self.folder = folder
        self.url = self.deploy()

    def deploy(self, **context: str) -> str:
        # The CDK's own validation costs seconds a synth and is not what is tested here.
        outputs = self.aws.deploy(self.folder, context=context, env={"CDK_VALIDATION": "false"})
        return outputs["Tiny"]["Url"]

    def receive(self, wait: int = 0) -> list[dict[str, Any]]:
        sqs = self.aws.client("sqs")
        found = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    folder = tmp_path_factory.mktemp("tiny")
    folder.joinpath("app.py").write_text(APP)
    folder.joinpath("cdk.json").write_text(json.dumps({"app": "python app.py"}))
    with local_aws(tick=0.5) as aws:
        yield Tiny(aws, folder)


def test_a_fired_rule_delivers_its_transformed_input_with_the_time_asked_for(tiny: Tiny) -> None:
    tiny.aws.fire_rule("tiny.job", at=AT)
    assert tiny.receive() == [{"rota": 1, "job": "job", "fired_at": "2030-01-02T03:04:05Z"}]


def test_a_fired_schedule_delivers_its_input_with_the_attributes_put_in(tiny: Tiny) -> None:
    tiny.aws.fire_schedule("nightly", group="tiny", at=AT)
    (body,) = tiny.receive()
    assert len(body.pop("execution_id")) == 16
    assert body == {
        "scheduled_at": "2030-01-02T03:04:05Z",
        "attempt": "1",
        "arn": "arn:aws:scheduler:us-east-1:000000000000:schedule/tiny/nightly",
    }


def test_without_a_time_it_is_now(tiny: Tiny) -> None:
    tiny.aws.fire_rule("tiny.job")
    (body,) = tiny.receive()
    assert abs((datetime.fromisoformat(body["fired_at"]) - datetime.now(UTC)).total_seconds()) < 10


def test_the_names_near_an_unknown_one_are_listed(tiny: Tiny) -> None:
    with pytest.raises(LocalAwsError, match=r"no rule is named 'tiny.jib'; near it: tiny.job"):
        tiny.aws.fire_rule("tiny.jib")
    with pytest.raises(LocalAwsError, match=r"no schedule is named 'default/nightly'; near it: tiny/nightly"):
        tiny.aws.fire_schedule("nightly")


def test_a_time_without_a_zone_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="time zone"):
        tiny.aws.fire_rule("tiny.job", at=datetime(2030, 1, 1))


def test_schedules_keep_what_cloudformation_says(tiny: Tiny) -> None:
    found = tiny.aws.client("scheduler").get_schedule(Name="nightly", GroupName="tiny")
    assert found["ScheduleExpressionTimezone"] == "Europe/Berlin"


def test_a_child_process_reaches_it_through_the_environment(tiny: Tiny) -> None:
    code = "import boto3; print(boto3.client('sqs').list_queues()['QueueUrls'])"
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **tiny.aws.environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert tiny.url in child.stdout, child.stderr


def test_a_due_schedule_gets_its_own_instant_not_the_moment_of_the_tick(tiny: Tiny) -> None:
    tiny.receive()
    scheduler = tiny.aws.client("scheduler")
    target = scheduler.get_schedule(Name="nightly", GroupName="tiny")["Target"]
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression="at(2020-01-01T05:06:07)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
        ActionAfterCompletion="DELETE",
    )
    (body,) = tiny.receive(wait=10)
    assert body["scheduled_at"] == "2020-01-01T05:06:07Z"


def test_updates_of_a_stack(tiny: Tiny) -> None:
    tiny.deploy(state="DISABLED", group="default")
    tiny.aws.fire_schedule("nightly")
    assert len(tiny.receive()) == 1
    with pytest.raises(LocalAwsError, match=r"no schedule is named 'tiny/nightly'; near it: default/nightly"):
        tiny.aws.fire_schedule("nightly", group="tiny")
    with pytest.raises(LocalAwsError, match="is disabled"):
        tiny.aws.fire_rule("tiny.job")
    tiny.deploy(policy="none")
    with pytest.raises(LocalAwsError, match=r"the policy of .* does not let rule"):
        tiny.aws.fire_rule("tiny.job")
    assert tiny.receive() == []
    tiny.deploy(rule="none")
    with pytest.raises(LocalAwsError, match="no rule is named"):
        tiny.aws.fire_rule("tiny.job")
    with pytest.raises(
        LocalAwsError, match=r"(?s)cdk deploy failed.*ScheduleExpression is not valid: cron\(99 nonsense"
    ):
        tiny.deploy(cron="cron(99 nonsense)")
    tiny.deploy()
    tiny.aws.fire_rule("tiny.job")
    assert len(tiny.receive()) == 1


def test_what_a_deploy_would_change(tiny: Tiny) -> None:
    options: dict[str, Any] = {"env": {"CDK_VALIDATION": "false"}}
    assert "There were no differences" in tiny.aws.diff(tiny.folder, **options)
    lines = tiny.aws.diff(tiny.folder, context={"state": "DISABLED"}, **options).splitlines()
    assert [line for line in lines if line.startswith("[")] == ["[~] AWS::Events::Rule Rule Rule"]
    tiny.aws.fire_rule("tiny.job")  # it would; it has not
    assert len(tiny.receive()) == 1


def test_more_schedules_than_a_page_are_listed_once_each(tiny: Tiny) -> None:
    scheduler = tiny.aws.client("scheduler")
    scheduler.create_schedule_group(Name="many")
    names = [f"many-{number:03}" for number in range(201)]
    for name in names:
        scheduler.create_schedule(
            Name=name,
            GroupName="many",
            ScheduleExpression="cron(0 2 1 1 ? 2199)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:sqs:us-east-1:000000000000:none", "RoleArn": "arn:aws:iam::000000000000:role/none"},
        )
    pages = list(scheduler.get_paginator("list_schedules").paginate(GroupName="many"))
    assert [len(page["Schedules"]) for page in pages] == [100, 100, 1]
    assert [schedule["Name"] for page in pages for schedule in page["Schedules"]] == names


CANARIES = [(module, name) for module, names in private.NAMES.items() for name in names]


def in_ministack(code: str) -> str:
    """What `code` prints last, run by ministack's own Python beside the launcher."""
    env = {**os.environ, "PYTHONPATH": str(Path(private.__file__).parents[1])}
    return run("asking ministack", [str(ministack_python(print)), "-c", code], env=env, timeout=60).splitlines()[-1]


@pytest.fixture(scope="module")
def names_there() -> set[str]:
    """Every name of `private.NAMES` that the pinned ministack has."""
    code = "import json; from rota_launcher import private; print(json.dumps(private.missing()))"
    return {f"{module}.{name}" for module, name in CANARIES} - set(json.loads(in_ministack(code)))


@pytest.mark.parametrize(("module", "name"), CANARIES)
def test_ministack_still_has(module: str, name: str, names_there: set[str]) -> None:
    assert f"{module}.{name}" in names_there


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 2 * * ? *)", "2030-07-02T02:00:00"),
        ("cron(4 3 2 7 ? *)", "2030-07-02T03:04:00"),
        ("cron(0 2 1 1 ? *)", "2030-01-01T02:00:00"),
        ("rate(7 minutes)", "2030-07-02T02:58:30"),
        ("at(2030-07-02T01:02:03)", "2030-07-02T01:02:03"),
    ],
)
def test_the_instant_that_a_schedule_is_due(expression: str, expected: str) -> None:
    created = datetime(2030, 7, 2, 2, 51, 30, tzinfo=UTC).timestamp()
    now = datetime(2030, 7, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    schedule = {"ScheduleExpression": expression, "CreationDate": created}
    code = f"from rota_launcher.scheduled_time import due_instant; print(due_instant({schedule!r}, {now!r}))"
    assert datetime.fromtimestamp(float(in_ministack(code)), UTC) == datetime.fromisoformat(expected + "+00:00")


PARENT = """
import sys, time
from rota.testing.local_aws import local_aws
with local_aws() as aws:
    print(aws._server._process.pid, aws._folder, flush=True)
    {then}
"""


@pytest.mark.parametrize(
    "then",
    [
        "time.sleep(60)",
        # A forked child holds the pipe open: its end alone does not tell that the parent died.
        "import os; os.fork() or time.sleep(5); time.sleep(60)",
    ],
    ids=["alone", "forked"],
)
def test_a_parent_that_dies_hard_leaves_neither_process_nor_folder(then: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT.format(then=then))],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    assert _runs(int(pid))
    try:
        os.kill(parent.pid, signal.SIGKILL)
        _eventually(lambda: not _runs(int(pid)) and not Path(folder).exists())
    finally:
        os.killpg(parent.pid, signal.SIGKILL)  # the forked child; not yet waited for, so the id is still the parent's
        parent.wait()
        parent.stdout.close()


def test_two_at_once_do_not_see_each_other() -> None:
    with local_aws() as one, local_aws() as other:
        one.client("sqs").create_queue(QueueName="mine")
        assert one.endpoint_url != other.endpoint_url
        assert not other.client("sqs").list_queues().get("QueueUrls")


def test_the_fixture(tmp_path: Path) -> None:
    tmp_path.joinpath("test_it.py").write_text(
        "def test_it(local_aws):\n    assert local_aws.client('sts').get_caller_identity()['Account'] == '0' * 12\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "rota.testing.pytest_plugin",
        "--rota-local-aws-tick",
        "1",
        ".",
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan whose new parent never asks for its exit stays in the table; it runs no more.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def _eventually(condition: Any, timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "not within 10 s"
        time.sleep(0.1)
