"""The composition root: from settings to real services, each imported where it is needed."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rota.clock import Clock
from rota.errors import SettingsError
from rota.ledger import Ledger
from rota.locks.base import LockProvider
from rota.queues.base import OperatedBackend
from rota.settings import SETTINGS_VARIABLE, Settings, from_environment, stage

if TYPE_CHECKING:
    from rota.stores.dynamodb import DynamoDBStore


def settings_of(manifest: str) -> Settings:
    """The settings of this process's deployment of a manifest: from `ROTA_SETTINGS`, else from SSM.

    Raises `SettingsError`.
    """
    if found := from_environment():
        if found.manifest != manifest:
            raise SettingsError(
                f"{SETTINGS_VARIABLE} has the settings of manifest {found.manifest!r}, not of {manifest!r}; "
                "set it from the deployment of this one, or unset it to read them from SSM"
            )
        return found
    from rota.aws.parameters import read_settings

    return read_settings(manifest, stage())


def queue_backend(
    manifest: str, *, connections: int = 10, polls: int = 0, settings: Settings | None = None
) -> OperatedBackend:
    """The queues of this process's deployment of a manifest, on SQS; of `settings` where they are known already.

    `connections` is how many requests may be under way at once; `polls`, how many long polls beside them. These have a
    client of their own: whatever else is asked must be answered soon, or visibility ends while one request hangs.

    Raises `SettingsError`.
    """
    from rota.aws.session import LONG_POLL_ANSWER, client
    from rota.queues.sqs import SqsBackend

    settings = settings or settings_of(manifest)
    polling = client("sqs", connections=polls, answer_within=LONG_POLL_ANSWER) if polls else None
    return SqsBackend(client("sqs", connections=connections), settings, polling=polling)


def ledger(
    settings: Settings,
    *,
    connections: int = 10,
    locks: Mapping[str, LockProvider] | None = None,
    clock: Clock | None = None,
) -> Ledger | None:
    """The ledger of a deployment, in DynamoDB; None where it has none. `connections` as for `queue_backend`."""
    store = _store(settings, connections=connections, clock=clock)
    return None if store is None else Ledger(store, locks=locks, clock=clock)


def keys(settings: Settings) -> Callable[[], str]:
    """What reads the keys of a deployment, from Secrets Manager, each time it is called.

    Raises `SettingsError` where the deployment has none, or AWS cannot be asked.
    """
    if settings.keys is None:
        deployment = f"{settings.manifest!r}, stage {settings.stage!r}"
        raise SettingsError(f"the deployment of {deployment}, has no keys; deploy its endpoints: `cdk deploy`")
    from rota.aws.secrets import secret_reader

    return secret_reader(settings.keys)


def ledger_on_record(settings: Settings) -> Ledger:
    """The same for those who need it. Raises `SettingsError` that says what to type where the deployment has none."""
    if (found := ledger(settings)) is None:
        raise _no_ledger(settings)
    return found


def locks(manifest: str) -> LockProvider:
    """The locks of this process's deployment of a manifest.

    Raises `SettingsError` where there is no deployment, or it has no ledger.
    """
    from rota.locks.in_store import StoreLocks

    settings = settings_of(manifest)
    if (store := _store(settings)) is None:
        raise _no_ledger(settings)
    return StoreLocks(store)


def _no_ledger(settings: Settings) -> SettingsError:
    deployment = f"{settings.manifest!r}, stage {settings.stage!r}"
    return SettingsError(f"the deployment of {deployment}, has no ledger; deploy again: `cdk deploy`")


def _store(settings: Settings, *, connections: int = 10, clock: Clock | None = None) -> "DynamoDBStore | None":
    if settings.ledger is None:
        return None
    from rota.aws.session import LEDGER_ANSWER, client
    from rota.stores.dynamodb import DynamoDBStore

    # Leases are short: a request that hangs must leave time for another.
    found = client("dynamodb", connections=connections, answer_within=LEDGER_ANSWER)
    return DynamoDBStore(found, settings.ledger.table, clock=clock)
