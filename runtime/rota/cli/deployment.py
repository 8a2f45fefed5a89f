"""The deployment that commands for operation work on, and what they say where they are not let in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rota.cli.loading import load_manifest
from rota.errors import BackendError
from rota.manifest import Manifest
from rota.names import Names

if TYPE_CHECKING:
    from rota.ledger import Ledger
    from rota.queues.base import OperatedBackend
    from rota.settings import Settings

_DENIED = ("AccessDenied", "KMS.Access")


@dataclass(frozen=True)
class Deployment:
    """A manifest where it is deployed. Makes no request before it is asked for something."""

    manifest: Manifest

    @cached_property
    def settings(self) -> "Settings":
        """Its settings. Raises `SettingsError`."""
        from rota import backends

        return backends.settings_of(self.manifest.name)

    @cached_property
    def backend(self) -> "OperatedBackend":
        """Its queues. Raises `SettingsError`."""
        from rota import backends

        return backends.queue_backend(self.manifest.name, settings=self.settings)

    @cached_property
    def ledger(self) -> "Ledger":
        """Its ledger. Raises `SettingsError` where it has none."""
        from rota import backends

        return backends.ledger_on_record(self.settings)

    @property
    def names(self) -> Names:
        """Its physical names."""
        return Names(self.settings.manifest, self.settings.stage)


def deployment(where: str) -> Deployment:
    """The deployment of the manifest at "module:attribute". Raises `NotFoundError`."""
    return Deployment(load_manifest(where))


@contextmanager
def permitted() -> Iterator[None]:
    """Requests inside that AWS denies say what they need."""
    try:
        yield
    except BackendError as error:
        if not any(code in str(error) for code in _DENIED):
            raise
        raise type(error)(f"{error}; these credentials need what `Rota.grant_operate(...)` grants") from None
