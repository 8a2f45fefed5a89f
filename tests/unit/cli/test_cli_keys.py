"""`rota keys`, on moto's Secrets Manager."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from rota import BackendError
from rota.aws import key_store
from rota.aws.key_store import KeysChangedError, KeyStore
from rota.aws.session import client
from rota.cli import keys as command
from rota.key_rotation import encode, rotated
from rota.keys import Key, decode

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Operated

Run = Callable[..., tuple[int, str, str]]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """What the command takes for the time."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(command, "now", clock.now)
    return clock


def stored(posted: Operated) -> tuple[Key, ...]:
    return decode(
        posted.secrets.get_secret_value(SecretId=posted.settings.keys, VersionStage="AWSCURRENT")["SecretString"]
    )


def ids(posted: Operated) -> list[str]:
    return [key.id for key in stored(posted)]


def said_by(run: Run, *arguments: str) -> Any:
    code, stdout, stderr = run("keys", *arguments, "--json")
    assert (code, stderr) == (0, "")
    return json.loads(stdout)


def test_what_a_deployment_begins_with(posted: Operated, run: Run) -> None:
    code, stdout, _ = run("keys", "list")
    assert code == 0
    assert [line.split(maxsplit=1) for line in stdout.splitlines()] == [["KEY", "SINCE"], ["first", "the first deploy"]]
    assert said_by(run, "list") == {"keys": [{"key": "first", "since": None, "seconds": None}]}


def test_a_rotation_adds_one_and_keeps_two(posted: Operated, run: Run, clock: Clock) -> None:
    code, stdout, stderr = run("keys", "rotate")
    assert (code, stderr) == (0, "")
    _, second = ids(posted)
    assert stdout.splitlines() == [
        f"key {second} is added; {command.FOLLOW}",
        "to be rid of first too, in 10 min, once all have read the new one: rota keys revoke first",
    ]
    clock.at += timedelta(days=90)
    said = said_by(run, "rotate")
    assert (said["removed"], ids(posted)) == (["first"], [second, said["added"]])
    assert (
        said_by(run, "list")["keys"]
        == said["keys"]
        == [
            {"key": said["added"], "since": "2027-02-19T12:00:00Z", "seconds": 0},
            {"key": second, "since": "2026-11-21T12:00:00Z", "seconds": 90 * 86400},
        ]
    )
    clock.at += timedelta(hours=3)
    _, stdout, _ = run("keys", "list")
    assert stdout.splitlines()[1:] == [
        f"{said['added']}  2027-02-19 12:00:00Z  3 h",
        f"{second}  2026-11-21 12:00:00Z  90 d 3 h",
    ]


def test_no_command_shows_a_secret(posted: Operated, run: Run, clock: Clock) -> None:
    told = ""
    for arguments in (["list"], ["rotate"], ["rotate"], ["rotate", "--force"], ["list"], ["revoke", "nothing"]):
        for form in ([], ["--json"]):
            _, stdout, stderr = run("keys", *arguments, *form)
            told += stdout + stderr
            for key in stored(posted):
                assert key.secret.removeprefix("whsec_") not in told
    assert "whsec_" not in told


def test_twice_within_ten_minutes_is_refused(posted: Operated, run: Run, clock: Clock) -> None:
    run("keys", "rotate")
    before = ids(posted)
    clock.at += timedelta(minutes=10, seconds=-1)
    code, stdout, stderr = run("keys", "rotate")
    assert (code, stdout, ids(posted)) == (2, "", before)
    assert stderr.startswith("error: the keys were rotated at 2026-11-21 12:00:00Z, and servers and trigger read them")
    assert stderr.endswith("wait until 2026-11-21 12:10:00Z, or add --force\n")
    code, stdout, stderr = run("keys", "rotate", "--force")
    assert (code, len(ids(posted))) == (0, 2)
    assert "first" not in ids(posted)
    assert "the keys were rotated at" in stderr
    assert ", first is gone; " in stdout
    clock.at += timedelta(minutes=10)
    assert run("keys", "rotate")[0] == 0


def test_a_clock_that_is_behind_does_not_make_it_safe(posted: Operated, run: Run, clock: Clock) -> None:
    run("keys", "rotate")
    clock.at -= timedelta(hours=1)
    assert run("keys", "rotate")[0] == 2
    assert "0 s" in run("keys", "list")[1]


def test_one_is_revoked(posted: Operated, run: Run) -> None:
    run("keys", "rotate")
    first, second = ids(posted)
    code, stdout, _ = run("keys", "revoke", first, "--yes")
    assert (code, ids(posted)) == (0, [second])
    assert stdout == f"key first is revoked; {command.FOLLOW}\n"


def test_the_last_one_has_another_take_its_place(posted: Operated, run: Run) -> None:
    said = said_by(run, "revoke", "first", "--yes")
    (key,) = stored(posted)
    assert (said["removed"], said["added"]) == (["first"], key.id)
    assert re.fullmatch("k[0-9a-f]{8}", key.id)
    code, stdout, _ = run("keys", "revoke", key.id, "-y")
    assert code == 0
    assert f"key {key.id} is revoked, {ids(posted)[0]} is in its place; " in stdout


def test_nobody_is_there_to_ask(posted: Operated, run: Run) -> None:
    code, stdout, stderr = run("keys", "revoke", "first")
    assert (code, stdout, ids(posted)) == (2, "", ["first"])
    assert stderr.startswith("error: nobody is there to ask whether to revoke key first, the only one (a new one takes")
    assert stderr.endswith("; add --yes\n")


def test_a_person_is_asked(posted: Operated, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def confirm(question: str, **more: Any) -> None:
        asked.append((question, more))

    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _: True})())
    monkeypatch.setattr("typer.confirm", confirm)
    run("keys", "rotate")
    command.revoke("first", yes=False, manifest="jobs:manifest")
    assert asked == [("revoke key first?", {"abort": True, "err": True})]
    assert len(ids(posted)) == 1


def test_a_key_that_is_not_there(posted: Operated, run: Run) -> None:
    code, _, stderr = run("keys", "revoke", "k1", "--yes")
    assert (code, stderr) == (2, "error: there is no key 'k1'; there is first: rota keys list\n")


@pytest.mark.parametrize("arguments", [["list"], ["rotate"], ["revoke", "k1"]])
def test_a_deployment_without_endpoints(operated: Operated, run: Run, arguments: list[str]) -> None:
    code, stdout, stderr = run("keys", *arguments)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(
        "error: manifest 'shop' has no endpoints, so nothing is signed and there are no keys; name "
    )


def test_a_deployment_from_before_the_endpoints(posted: Operated, run: Run) -> None:
    from dataclasses import replace

    posted.deploy(replace(posted.settings, keys=None))
    assert run("keys", "list")[2] == "error: the deployed settings name no keys; deploy again: `cdk deploy`\n"


def test_a_secret_that_is_gone_or_broken(posted: Operated, run: Run) -> None:
    posted.secrets.put_secret_value(SecretId="shop-keys", SecretString="SECRETsecret")
    code, _, stderr = run("keys", "list")
    assert code == 2
    assert "holds no keys of rota's (the secret must read {" in stderr
    assert "SECRETsecret" not in stderr
    posted.secrets.delete_secret(SecretId="shop-keys", ForceDeleteWithoutRecovery=True)
    code, _, stderr = run("keys", "rotate")
    assert code == 2
    assert f"error: there is no secret {posted.settings.keys} in this account and region; deploy again" in stderr


def _store(posted: Operated) -> KeyStore:
    assert posted.settings.keys
    return KeyStore(client("secretsmanager"), posted.settings.keys)


def test_of_two_who_rotate_at_once_one_is_told(posted: Operated) -> None:
    mine, theirs = _store(posted), _store(posted)
    read = mine.read(), theirs.read()
    first, second = (rotated(one.keys, since="2026-11-21T12:00:00Z") for one in read)
    theirs.replace(read[1], second)
    with pytest.raises(KeysChangedError, match=r"somebody else has changed the keys in .* meanwhile"):
        mine.replace(read[0], first)
    assert stored(posted) == second
    mine.replace(mine.read(), first)
    assert stored(posted) == first


class Flaky:
    """A client whose answers get lost: the operation is done, and the caller told otherwise."""

    def __init__(self, real: Any, error: Exception, *, done: bool) -> None:
        self._real, self._error, self._done = real, error, done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def update_secret_version_stage(self, **arguments: Any) -> Any:
        if self._done:
            self._real.update_secret_version_stage(**arguments)
        raise self._error


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)


LOST = EndpointConnectionError(endpoint_url="https://secretsmanager")


def test_an_answer_that_is_lost_is_looked_up(posted: Operated) -> None:
    assert posted.settings.keys
    store = KeyStore(Flaky(posted.secrets, LOST, done=True), posted.settings.keys)
    read = store.read()
    after = rotated(read.keys, since="2026-11-21T12:00:00Z")
    store.replace(read, after)
    assert stored(posted) == after


@pytest.mark.parametrize("error", [LOST, denied("UpdateSecretVersionStage")])
def test_what_was_not_done_is_told_and_counts_for_nobody(posted: Operated, error: Exception) -> None:
    assert posted.settings.keys
    store = KeyStore(Flaky(posted.secrets, error, done=False), posted.settings.keys)
    read = store.read()
    with pytest.raises(BackendError, match="update_secret_version_stage of secret ") as caught:
        store.replace(read, rotated(read.keys, since="2026-11-21T12:00:00Z"))
    assert not isinstance(caught.value, KeysChangedError)
    assert ("grant_rotate" in str(caught.value)) is isinstance(error, ClientError)
    assert stored(posted) == read.keys
    _store(posted).replace(read, read.keys)  # and it stands in nobody's way


def test_one_version_waits_at_the_most(posted: Operated) -> None:
    store = _store(posted)
    for _ in range(5):
        read = store.read()
        store.replace(read, rotated(read.keys, since="2026-11-21T12:00:00Z"))
    versions = posted.secrets.list_secret_version_ids(SecretId="shop-keys", IncludeDeprecated=False)["Versions"]
    labels = [label for version in versions for label in version["VersionStages"]]
    assert labels.count("AWSCURRENT") == labels.count("AWSPREVIOUS") == 1
    assert (
        encode(store.read().keys)
        == posted.secrets.get_secret_value(SecretId="shop-keys", VersionStage="AWSCURRENT")["SecretString"]
    )
    assert key_store.NEXT in labels
