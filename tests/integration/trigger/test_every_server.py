"""Every server behind an endpoint: who is asked, who has joined, who has left."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.trigger.conftest import Deployment

Lines = Callable[[], list[dict[str, Any]]]


def test_more_servers_than_a_batch_has_messages_each_get_one(deployment: Deployment, lines: Lines) -> None:
    targets = [{"Id": f"127.0.0.{number}", "Port": deployment.fleet.port} for number in range(1, 13)]
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["ip"], Targets=targets)
    due = "2026-11-21T11:05:00Z"
    deployment.send({"rota": 1, "job": "a", "scheduled_at": due, "post": {"endpoints": ["web/*"]}})
    assert deployment.invoke() == (1, 0)
    assert deployment.waiting() == (12, 0, 1)
    # The first of them answers; at the others' addresses nobody listens, and these have left meanwhile.
    deployment.elb.deregister_targets(TargetGroupArn=deployment.groups["ip"], Targets=targets[1:])
    deployment.until_quiet()
    assert [body["endpoint"] for _, body in deployment.fleet.posts] == [f"web/127.0.0.1:{deployment.fleet.port}"]
    assert deployment.waiting() == (0, 0, 1)
    told = lines()
    assert [line["Servers"] for line in told if line["event"] == "every server"] == [12]
    left = [line for line in told if line["event"] == "server left"]
    assert sorted(server for line in left for server in line["left"]) == sorted(
        f"{target['Id']}:{target['Port']}" for target in targets[1:]
    )
    assert {line["ServersLeft"] for line in left} == {1}


def test_a_server_that_leaves_with_a_run_leaves_word_of_it(deployment: Deployment) -> None:
    gone = {"endpoints": ["web/127.0.0.9:1"]}
    deployment.send({"rota": 1, "job": "never-begun", "run": "r", "post": gone})
    deployment.send({"rota": 1, "job": "redriven", "run": "r", "redrives": 1, "post": gone})
    unknown = {"rota.unknown_since": "2026-11-21T11:05:00Z", "rota.first_sent": "2026-11-21T11:05:00Z"}
    deployment.send({"rota": 1, "job": "unknown", "run": "r", "post": gone}, **unknown)
    assert deployment.invoke() == (3, 0)
    assert {said["rota.job"]: said["rota.reason"] for _, said in deployment.letters()} == {
        "redriven": "server left",
        "unknown": "outcome unknown, and the server has left",
    }


def test_a_server_that_is_expected_back_is_waited_for(deployment: Deployment) -> None:
    target = {"Id": "127.0.0.9", "Port": deployment.fleet.port}
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["ip"], Targets=[target])
    name = f"web/127.0.0.9:{deployment.fleet.port}"
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": [name]}})
    assert deployment.invoke() == (1, 1)
    assert deployment.waiting() == (0, 1, 0)


def test_no_healthy_server_backs_off_and_is_then_a_dead_letter(deployment: Deployment) -> None:
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["web/*"]}})
    assert deployment.invoke() == (1, 1)
    due = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    post = {"endpoints": ["web/*"], "start_deadline": 60}
    deployment.send({"rota": 1, "job": "b", "scheduled_at": due, "post": post})
    assert deployment.invoke() == (1, 0)
    [(_, said)] = deployment.letters()
    assert (said["rota.reason"], said["rota.endpoint"]) == ("not started in time: no server is healthy", "web/*")


def test_the_roll_is_called_and_tells_who_joined_and_left(deployment: Deployment, lines: Lines) -> None:
    port = deployment.fleet.port
    target = {"Id": "127.0.0.1", "Port": port}
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["ip"], Targets=[target])
    roll_call = {"endpoint": "web", "asked": ["10.0.0.1:80", "10.0.0.2:80"]}
    deployment.send({"rota": 1, "job": "a", "roll_call": roll_call})
    assert deployment.invoke() == (1, 0)
    [line] = lines()
    assert (line["joined"], line["left"]) == ([f"127.0.0.1:{port}"], ["10.0.0.1:80", "10.0.0.2:80"])
    assert (line["ServersJoined"], line["ServersLeft"], line["endpoint"]) == (1, 2, "web")


def test_instances_are_reached_at_their_private_address(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = deployment.ec2.describe_images()["Images"][0]["ImageId"]
    [instance] = deployment.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    port = deployment.fleet.port
    target = {"Id": instance["InstanceId"], "Port": port}
    deployment.elb.register_targets(TargetGroupArn=deployment.groups["instance"], Targets=[target])
    connect, addresses = socket.create_connection, []

    def to_loopback(address: tuple[str, int], *rest: Any, **named: Any) -> socket.socket:
        if address[1] == port:
            addresses.append(address[0])
            address = ("127.0.0.1", port)
        return connect(address, *rest, **named)

    monkeypatch.setattr("rota.trigger.http.socket.create_connection", to_loopback)
    deployment.send({"rota": 1, "job": "a", "run": "r", "post": {"endpoints": ["ec2/*"]}})
    deployment.until_quiet()
    [(_, body)] = deployment.fleet.posts
    assert (body["endpoint"], body["run"]) == (
        f"ec2/{instance['InstanceId']}:{port}",
        f"r/ec2/{instance['InstanceId']}:{port}",
    )
    assert addresses == [instance["PrivateIpAddress"]]
