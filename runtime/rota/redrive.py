"""Sending what lies in a dead-letter place to its queue again: send first, delete second, so that nothing is lost."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rota.dead_letters import DeadRun
from rota.errors import BackendError
from rota.queues.base import MAX_BATCH, Letter, LetterQueue, MessageQueue, Outgoing

HIDE = 120
"""Seconds for which letters are hidden from others while they are dealt with."""
PEEK = 30
"""The same while they are looked at."""
WAIT = 1.0
"""Seconds to wait for a letter: only who waits asks all of SQS's servers.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html"""

Identity = tuple[object, ...]
Groups = dict[Identity, list[DeadRun]]
"""Runs with all their letters, the latest redrive first."""


@dataclass
class Redriven:
    """What became of a place's letters."""

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


def peek(place: LetterQueue, limit: int) -> list[Letter]:
    """Up to about `limit` letters, visible to others again when this returns. SQS counts it as a receive of each."""
    found: dict[str, Letter] = {}
    try:
        while len(found) < limit and (some := place.letters(MAX_BATCH, PEEK, wait=WAIT)):
            before = len(found)
            found |= {letter.id: letter for letter in some}
            if len(found) == before:
                break  # it took longer than they were hidden
    finally:
        _release(place, [letter.receipt for letter in found.values()])
    return list(found.values())


def redrive(
    place: LetterQueue,
    to: MessageQueue,
    *,
    read: Callable[[Letter], DeadRun],
    wanted: Callable[[DeadRun], bool],
    who: str,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> Redriven:
    """Send the wanted runs of a place to their queue, and delete their letters. `progress` hears how many letters have
    been looked at.

    Raises `BackendError` where the service does not answer; what was sent by then is sent, and a letter that could not
    be deleted is there still.
    """
    done = Redriven()
    seen: set[str] = set()
    held: list[str] = []
    try:
        while some := place.letters(MAX_BATCH, HIDE, wait=WAIT):
            held += [letter.receipt for letter in some]
            fresh = [read(letter) for letter in some if letter.id not in seen]
            if not fresh:
                break  # it took longer than the first ones were hidden
            seen |= {letter.id for letter in some}
            progress(len(seen))
            groups = _groups((run for run in fresh if wanted(run)), done)
            if dry_run:
                done.count(groups)
            else:
                gone = _send(groups, place, to, who, done)
                held = [receipt for receipt in held if receipt not in gone]
    finally:
        _release(place, held)
    return done


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


def _send(groups: Groups, place: LetterQueue, to: MessageQueue, who: str, done: Redriven) -> set[str]:
    """Send each run that is not sent yet, then delete all letters of those sent; returns their receipts."""
    new = [group[0] for identity, group in groups.items() if identity not in done.redrives]
    failures = to.send([Outgoing(run.sent_by(who)) for run in new]) if new else []
    refused = {new[index].identity for index, _ in failures}
    done.refused += [(new[index], reason) for index, reason in failures]
    taken = {identity: group for identity, group in groups.items() if identity not in refused}
    done.count(taken)
    receipts = [run.letter.receipt for group in taken.values() for run in group]
    again = place.delete(receipts) if receipts else []
    left = place.delete(again) if again else []
    done.undeleted += len(left)
    return set(receipts) - set(left)


def _release(place: LetterQueue, receipts: Sequence[str]) -> None:
    # Where that fails they are visible again a little later.
    with suppress(BackendError):
        place.change_visibility(receipts, 0)
