"""What a server needs before it can take a run, found when the first one comes: settings, keys, ledger, threads."""

import logging
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rota import backends, key_rotation, logs, settings
from rota.clock import Clock
from rota.endpoint.pool import Pool
from rota.endpoint.replay import BoundedStore
from rota.errors import NoDeploymentError, SettingsError
from rota.keys import Key, KeyRing
from rota.ledger import Ledger
from rota.locks.base import LockProvider
from rota.manifest import Job, Manifest
from rota.runner import Runner
from rota.settings import Settings
from rota.targets import Endpoint

log = logging.getLogger("rota.endpoint")

Keys = KeyRing | Iterable[str]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a middleware is given."""

    manifest: Manifest
    endpoint: Endpoint
    ledger: Ledger | None
    locks: Mapping[str, LockProvider]
    keys: KeyRing | None
    concurrency: int
    clock: Clock

    @property
    def jobs(self) -> list[Job[object]]:
        """Those that run here."""
        return [job for job in self.manifest.jobs if self.endpoint in job.endpoints]


@dataclass(frozen=True)
class Opened:
    """A server that is ready."""

    ring: KeyRing
    runner: Runner
    pool: Pool
    unshared: bool
    """Whether other servers of the deployment know nothing of what runs here."""


def open_(options: Options) -> Opened:
    """Find all of it, the keys read once. Raises `SettingsError` or `SignatureError`."""
    given, clock = options.keys or from_environment(clock=options.clock), options.clock
    needs_settings = given is None or (options.ledger is None and options.endpoint.ledger)
    try:
        known = backends.settings_of(options.manifest.name) if needs_settings else None
    except NoDeploymentError as error:
        if options.keys is None:
            raise SettingsError(
                f"{error}; the trigger believes in the ledger of endpoint {options.endpoint.name!r}, which only the "
                f"deployment tells: set {settings.SETTINGS_VARIABLE} or {settings.STAGE_VARIABLE}. Without one, for "
                "development: RotaMiddleware(..., keys=[...])"
            ) from error
        known = None
        log.warning("there is no deployment (%s): this is for development, with one process", error)
    ring = given or KeyRing(backends.keys(_there(known)), clock.monotonic)
    ring.secrets()
    shared = options.ledger or _ledger(options, known)
    unshared = shared is None and (known is not None or not options.endpoint.ledger)
    ledger = shared or _memory(options, unshared=unshared)
    _check(options.jobs, ledger)
    runner = Runner(options.manifest, clock=clock, ledger=ledger, chance=random.Random())
    logs.install()
    return Opened(ring, runner, pool_of(options), unshared)


def pool_of(options: Options) -> Pool:
    """Threads that are not started yet."""
    return Pool(options.concurrency, f"endpoint {options.endpoint.name}", options.clock)


def ring_of(given: Keys | None, clock: Clock) -> KeyRing | None:
    """The keys that a test gives: secrets, or a ring of its own."""
    if given is None or isinstance(given, KeyRing):
        return given
    text = key_rotation.encode(tuple(Key(id=f"k{number}", secret=secret) for number, secret in enumerate(given)))
    return KeyRing(lambda: text, clock.monotonic)


def from_environment(clock: Clock) -> KeyRing | None:
    """The keys in `ROTA_KEYS`; None where it is not set."""
    text = settings.keys_from_environment()
    return None if text is None else KeyRing(lambda: text, clock.monotonic)


def _there(known: Settings | None) -> Settings:
    assert known is not None  # noqa: S101 - for mypy: without keys that are given, there are settings
    return known


def _ledger(options: Options, known: Settings | None) -> Ledger | None:
    """That of the deployment."""
    if known is None or not options.endpoint.ledger:
        return None
    # A request for each thread may be under way at once, and one of the renewer's.
    connections = options.concurrency + 1
    return backends.ledger(known, connections=connections, locks=options.locks, clock=options.clock)


def _memory(options: Options, *, unshared: bool) -> Ledger:
    """What this process remembers. Raises `SettingsError` where that would count for nothing."""
    endpoint, clock = options.endpoint, options.clock
    if unshared:
        way_out = "deploy again: `cdk deploy`" if endpoint.ledger else f"endpoint {endpoint.name!r} has ledger=False"
        for job in options.jobs:
            if job.lock or job.unique:
                field = "lock" if job.lock else "unique"
                raise SettingsError(f"job {job.name!r} has {field}=, and there is no ledger; {way_out}")
    if endpoint.ledger:
        log.warning(
            "endpoint %s has no ledger: a run that is posted to two processes runs twice; deploy again: `cdk deploy`",
            endpoint.name,
        )
    return Ledger(BoundedStore(clock), locks=options.locks, clock=clock)


def _check(jobs: Iterable[Job[object]], ledger: Ledger) -> None:
    for job in jobs:
        provider = job.lock.provider if job.lock else None
        if provider is not None and provider not in ledger.providers:
            way_out = f"give RotaMiddleware(..., locks={{{provider!r}: ...}})"
            raise SettingsError(f"job {job.name!r}: lock: there is no provider {provider!r}; {way_out}")
