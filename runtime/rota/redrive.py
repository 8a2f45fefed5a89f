"""Sending what lies in a dead-letter place to its queue again: send first, delete second, so that nothing is lost."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from rota.dead_letters import DeadRun
from rota.errors import BackendError
from rota.queues.base import MAX_BATCH, Letter, LetterQueue, MessageQueue, Outgoing

HIDE = 120
"""Seconds for which letters are hidden from others while they are dealt with; longer where the place has so many that
it lasts longer."""
PEEK = 30
"""The same while they are looked at."""
LONGEST = 12 * 60 * 60
"""Seconds that SQS hides a message at the most."""
LOOKED_AT = 2000
"""Letters that `peek` looks at, where it looks for some among them."""
WAIT = 1.0
"""Seconds to wait for a letter: only who waits asks all of SQS's servers.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html"""

Identity = tuple[object, ...]
Groups = dict[Identity, list[DeadRun]]
"""Runs with all their letters, the latest redrive first."""


@dataclass
class Redriven:
    """What became of a place's letters."""

    looked_at: int = 0
    """Letters."""
    complete: bool = False
    """Whether there was no more to look at; what others have hidden is not seen."""
    sent: list[DeadRun] = field(default_factory=list)
    """Each run once."""
    duplicates: int = 0
    """Further letters of runs that were sent, deleted with them."""
    unreadable: list[DeadRun] = field(default_factory=list)
    """Asked for, and left where they are: no run can be made of them."""
    refused: list[tuple[DeadRun, str]] = field(default_factory=list)
    """Left where they are, for the queue did not take them; with its reason."""
    back: int = 0
    """Runs that were sent and lie there again: they have failed once more meanwhile."""
    undeleted: int = 0
    """Sent, and still there: the service did not delete them."""
    redrives: dict[Identity, int] = field(default_factory=dict)
    """Of each run sent, the number of the redrive."""

    def count(self, groups: Groups) -> None:
        """Note that runs are sent."""
        for identity, group in groups.items():
            self.duplicates += len(group) - (identity not in self.redrives)
            if identity not in self.redrives and (again := group[0].again) is not None:
                self.redrives[identity] = again.redrives
                self.sent.append(group[0])


class Peek(NamedTuple):
    """What a look into a place has found."""

    letters: list[Letter]
    """Those that were looked for."""
    looked_at: int
    """Letters."""
    complete: bool
    """Whether there was no more to look at; what others have hidden is not seen."""


def peek(place: LetterQueue, limit: int, *, wanted: Callable[[Letter], bool] = lambda _: True) -> Peek:
    """Up to about `limit` letters, of `LOOKED_AT` at the least if there are so many; visible to others again when this
    returns. SQS counts it as a receive of each."""
    scan = _Scan(place, PEEK)
    found: list[Letter] = []
    try:
        for fresh in scan:
            found += filter(wanted, fresh)
            if len(found) >= limit or len(scan.seen) >= max(limit, LOOKED_AT):
                break
    finally:
        scan.release()
    return Peek(found, len(scan.seen), scan.complete)


def redrive(
    place: LetterQueue,
    to: MessageQueue,
    *,
    read: Callable[[Letter], DeadRun],
    wanted: Callable[[DeadRun], bool],
    who: str,
    done: Redriven,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Send the wanted runs of a place to their queue, and delete their letters. `done` is what has become of them, also
    when this raises. `progress` hears how many letters have been looked at.

    Raises `BackendError` where the service does not answer; what was sent by then is sent, and a letter that could not
    be deleted is there still.
    """
    scan = _Scan(place, HIDE)
    try:
        for fresh in scan:
            done.looked_at = len(scan.seen)
            progress(done.looked_at)
            groups = _groups((run for run in map(read, fresh) if wanted(run)), done)
            if dry_run:
                done.count(groups)
            else:
                for letter in _send(groups, place, to, who, done):
                    del scan.held[letter]
        done.complete = scan.complete
    finally:
        scan.release()


class _Scan:
    """Goes through all letters of a place, each once, and holds them meanwhile."""

    def __init__(self, place: LetterQueue, hide: int) -> None:
        self._place, self._hide = place, hide
        self.seen: set[str] = set()
        self.held: dict[str, str] = {}
        """The latest receipt of each letter."""
        self.complete = False

    def __iter__(self) -> Iterator[list[Letter]]:
        begin, again = monotonic(), 0
        # Hidden for as long as it has lasted already, and as much again: what comes back because there is so much of it
        # comes back once or twice, and then no more.
        while some := self._place.letters(MAX_BATCH, self._hidden(monotonic() - begin), wait=WAIT):
            self.held |= {letter.id: letter.receipt for letter in some}
            fresh = [letter for letter in some if letter.id not in self.seen]
            self.seen |= {letter.id for letter in fresh}
            again = 0 if fresh else again + len(some)
            if again > len(self.seen):
                return  # they come back whatever we ask for
            if fresh:
                yield fresh
        self.complete = True

    def _hidden(self, elapsed: float) -> int:
        return min(max(self._hide, round(2 * elapsed)), LONGEST)

    def release(self) -> None:
        """Make visible what is held."""
        # Where that fails they are visible again a little later.
        with suppress(BackendError):
            self._place.change_visibility(list(self.held.values()), 0)


def _groups(runs: Iterable[DeadRun], done: Redriven) -> Groups:
    """Those that can be sent; of the others it is noted why not."""
    groups: Groups = {}
    for run in runs:
        if run.again is None:
            done.unreadable.append(run)
        elif run.again.redrives > done.redrives.get(run.identity, run.again.redrives):
            done.back += 1  # or we would send what fails at once for ever
        else:
            groups.setdefault(run.identity, []).append(run)
    for group in groups.values():
        group.sort(key=lambda run: run.again.redrives if run.again else 0, reverse=True)
    return groups


def _send(groups: Groups, place: LetterQueue, to: MessageQueue, who: str, done: Redriven) -> list[str]:
    """Send each run that is not sent yet, then delete all letters of those sent; returns the ids of those deleted."""
    new = [group[0] for identity, group in groups.items() if identity not in done.redrives]
    failures = to.send([Outgoing(run.sent_by(who)) for run in new]) if new else []
    refused = {new[index].identity for index, _ in failures}
    done.refused += [(new[index], reason) for index, reason in failures]
    taken = {identity: group for identity, group in groups.items() if identity not in refused}
    done.count(taken)
    letters = {run.letter.receipt: run.letter.id for group in taken.values() for run in group}
    left = list(letters)
    try:
        left = place.delete(left)
        left = place.delete(left)
    finally:
        done.undeleted += len(left)
    return [letter for receipt, letter in letters.items() if receipt not in left]
