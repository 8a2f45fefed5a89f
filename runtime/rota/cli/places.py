"""The dead-letter places of a deployment, for the commands that look into them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rota.cli.deployment import Deployment
from rota.cli.loading import all_queues, find_queue
from rota.dead_letters import DeadRun, Place, read

if TYPE_CHECKING:
    from rota.queues.base import Letter, LetterQueue, MessageQueue


@dataclass(frozen=True)
class DeadLetterPlace:
    """One place of one queue."""

    deployed: Deployment
    queue: str
    kind: Place

    @property
    def letters(self) -> "LetterQueue | None":
        """Where its letters are; None where the deployment does not say."""
        backend = self.deployed.backend
        return backend.dead_letters(self.queue) if self.kind is Place.DEAD_LETTERS else backend.undelivered(self.queue)

    @property
    def to(self) -> "MessageQueue":
        """Where its runs belong."""
        return self.deployed.backend.queue(self.queue)

    def read(self, letter: "Letter") -> DeadRun:
        """What a letter of this place says."""
        reading = partial(read, place=self.kind, queue=self.queue)
        together = self.deployed.settings.together
        return reading(letter, manifest=self.deployed.manifest, names=self.deployed.names, together=together)

    def __str__(self) -> str:
        return f"queue {self.queue}, {self.kind}"

    @property
    def unknown(self) -> str:
        """What to say where the deployment does not tell the place."""
        return (
            f"queue {self.queue}: the deployed settings do not say where its {self.kind} is; deploy again: `cdk deploy`"
        )


def hidden(count: int) -> str:
    """What to say of letters that somebody has received."""
    return f"{count} hidden just now: somebody looks at them or sends them; look again in two minutes"


def places(deployed: Deployment, queue: str | None) -> Sequence[DeadLetterPlace]:
    """Every place, those of the trigger's queue too, or those of one queue.

    Raises `NotFoundError` for one that is not in the manifest.
    """
    found = [find_queue(deployed.manifest, queue)] if queue else all_queues(deployed.manifest)
    names = [each.name for each in found]
    return [place for name in names for place in _both(deployed, name)]


def _both(deployed: Deployment, queue: str) -> Iterator[DeadLetterPlace]:
    for kind in (Place.DEAD_LETTERS, Place.UNDELIVERED):
        yield DeadLetterPlace(deployed, queue, kind)
