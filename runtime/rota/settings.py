"""The names that a deployment and its servers share, and the only reader of the environment.

A deployment writes its settings (names and URLs alone) to one SSM parameter; servers read it, unless a variable
overrides.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rota.errors import SettingsError
from rota.validators import stage_problem

VERSION = 1

STAGE_VARIABLE = "ROTA_STAGE"
"""Which deployment of the manifest this server belongs to; "default" unless set."""
SETTINGS_VARIABLE = "ROTA_SETTINGS"
"""The settings themselves, as JSON; nothing is then read from SSM. `Rota.environment` gives it for containers."""
KEYS_VARIABLE = "ROTA_KEYS"
"""The secret of the keys itself, as JSON; nothing is then read from Secrets Manager, and a rotation counts when the
process starts anew. For servers of other languages, and for tests. It stands for the keys alone: where the endpoint has
a ledger, the deployment is still asked for that."""
ENDPOINT_VARIABLE = "ROTA_ENDPOINT"
"""Which endpoint of the manifest this server is behind; needed where it declares several."""
SERVER_VARIABLE = "ROTA_SERVER"
"""The id of this server among those behind its endpoint, such as `10.0.1.5:8080`: runs for another's are then refused.
Not asked unless set."""
WORKER_VARIABLE = "ROTA_WORKER"
""""off" makes `Worker.start()` do nothing in this process: for migrations, shells and tests."""

DEFAULT_STAGE = "default"


@dataclass(frozen=True)
class QueueSettings:
    """Where a queue is."""

    url: str
    dead_letter_url: str
    undelivered_url: str | None = None
    """None in the settings of a deployment by an older rota."""


@dataclass(frozen=True)
class LedgerSettings:
    """Where the ledger is."""

    table: str
    """The name of the DynamoDB table."""


@dataclass(frozen=True)
class Settings:
    """What a deployment tells its servers."""

    manifest: str
    stage: str
    queues: Mapping[str, QueueSettings]
    ledger: LedgerSettings | None = None
    """None where there is no ledger, as in a deployment by an older rota."""
    keys: str | None = None
    """The ARN of the secret with which requests to endpoints are signed; None where there are no endpoints."""
    together: Sequence[Sequence[str]] = ()
    """Names of jobs that one rule or schedule makes due, that which it is named after first: what EventBridge could not
    deliver names the rule alone."""

    def encode(self) -> str:
        """The parameter's value. What is None is left out."""
        written: dict[str, Any] = {"version": VERSION, "manifest": self.manifest, "stage": self.stage}
        written["queues"] = {name: _given(queue) for name, queue in self.queues.items()}
        if self.ledger is not None:
            written["ledger"] = _given(self.ledger)
        if self.keys is not None:
            written["keys"] = self.keys
        if self.together:
            written["together"] = [list(group) for group in self.together]
        return json.dumps(written, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str, *, source: str) -> "Settings":
        """The settings of a parameter's value; fields that this rota does not know are passed over.

        Raises `SettingsError` that names `source`.
        """
        try:
            read = json.loads(text)
            version = read["version"]
            if version != VERSION:
                raise SettingsError(
                    f"{source} has settings version {version!r}, and this rota reads version {VERSION}: "
                    "install the rota of the deployment, `pip install --upgrade rota`, or deploy again, `cdk deploy`"
                )
            return cls(
                manifest=read["manifest"],
                stage=read["stage"],
                queues={
                    name: QueueSettings(
                        url=queue["url"],
                        dead_letter_url=queue["dead_letter_url"],
                        undelivered_url=queue.get("undelivered_url"),
                    )
                    for name, queue in read["queues"].items()
                },
                ledger=None if (ledger := read.get("ledger")) is None else LedgerSettings(table=ledger["table"]),
                keys=read.get("keys"),
                together=tuple(tuple(map(str, group)) for group in read.get("together", ())),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"{source} does not hold rota settings ({error!r}); deploy again: `cdk deploy`"
            ) from None


def _given(part: QueueSettings | LedgerSettings) -> dict[str, str]:
    return {name: value for name, value in asdict(part).items() if value is not None}


def parameter_name(manifest: str, stage: str) -> str:
    """The SSM parameter that holds a deployment's settings."""
    return f"/rota/{manifest}/{stage}"


def stage() -> str:
    """The stage this process belongs to. Raises `SettingsError` for one that cannot be."""
    name = os.environ.get(STAGE_VARIABLE) or DEFAULT_STAGE
    if problem := stage_problem(name):
        raise SettingsError(f"{STAGE_VARIABLE}: {problem}")
    return name


def from_environment() -> Settings | None:
    """The settings in `ROTA_SETTINGS`, or None where it is not set.

    Raises `SettingsError` for those of another stage than `ROTA_STAGE` says: one of the two is a mistake, and a guess
    could run production's jobs on a staging server.
    """
    text = os.environ.get(SETTINGS_VARIABLE)
    if not text:
        return None
    found = Settings.decode(text, source=SETTINGS_VARIABLE)
    if os.environ.get(STAGE_VARIABLE) and (chosen := stage()) != found.stage:
        raise SettingsError(
            f"{STAGE_VARIABLE} is {chosen!r}, but {SETTINGS_VARIABLE} has the settings of stage {found.stage!r}; "
            f"unset {STAGE_VARIABLE} to use these, or {SETTINGS_VARIABLE} to read those of {chosen!r} from SSM"
        )
    return found


def keys_from_environment() -> str | None:
    """The secret of the keys in `ROTA_KEYS`, or None where it is not set."""
    return os.environ.get(KEYS_VARIABLE) or None


def endpoint() -> str | None:
    """The endpoint in `ROTA_ENDPOINT`, or None where it is not set."""
    return os.environ.get(ENDPOINT_VARIABLE) or None


def server() -> str | None:
    """The id of this server in `ROTA_SERVER`, or None where it is not set."""
    return os.environ.get(SERVER_VARIABLE) or None


def worker_is_off() -> bool:
    """Whether `ROTA_WORKER=off` keeps workers from starting in this process."""
    return os.environ.get(WORKER_VARIABLE, "").lower() == "off"
