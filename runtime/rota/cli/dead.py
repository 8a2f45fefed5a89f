"""`rota dead`: what lies in the dead-letter places, and why."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.text import Text

from rota.cli import records
from rota.cli.deployment import deployment, permitted
from rota.cli.loading import find_job
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json, print_table
from rota.cli.places import DeadLetterPlace, hidden, places
from rota.dead_letters import DeadRun, together

if TYPE_CHECKING:
    from rota.queues.base import LetterQueue

COLUMNS = ("job", "run", "endpoint", "when", "attempts", "status", "letters", "reason", "error")


class Look(NamedTuple):
    """What a look into a place has found."""

    place: DeadLetterPlace
    total: int
    """About how many letters lie there."""
    hidden: int
    """About how many of them somebody else has received."""
    looked_at: int
    """Letters."""
    runs: Sequence[tuple[DeadRun, int]]
    """Each run with the number of its letters, the latest first."""
    complete: bool
    """Whether that is all of them."""


def dead(
    queue: Annotated[
        str | None, typer.Option("--queue", "-q", metavar="NAME", help="One queue; all unless given.")
    ] = None,
    job: Annotated[str | None, typer.Option("--job", metavar="JOB", help="Only runs of this job.")] = None,
    limit: Annotated[
        int,
        typer.Option("-n", "--limit", min=1, max=10000, help="How many letters of each place, those of --job alone."),
    ] = 100,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Show what lies in every dead-letter place, and why.

    Each queue has two: its dead letters (workers gave the run up, or died of it; in the queue trigger, its endpoint was
    not reached, or refused it) and its undelivered (EventBridge could not deliver). To look is to receive and to make
    visible again: SQS counts a receive, which does no harm there, and meanwhile, some 30 seconds at the most, nobody
    else sees what is looked at.
    """
    deployed = deployment(manifest)
    if job is not None:
        find_job(deployed.manifest, job)
    with permitted():
        there = [(place, place.letters) for place in places(deployed, queue)]
        looks = _look([(place, letters) for place, letters in there if letters is not None], limit, job)
    unknown = [place.unknown for place, letters in there if letters is None]
    if as_json:
        print_json({"places": [_record(look) for look in looks], "notes": unknown})
        return
    now = datetime.now(UTC)
    for look in looks:
        if look.total:
            _print(look, now)
    if all(look.complete and not look.runs for look in looks):
        of = f" of {job}" if job else ""
        out().print(f"nothing{of} lies in {len(looks)} dead-letter places", style="green")
    for note in [*(note for look in looks for note in _unseen(look, job)), *unknown]:
        out().print(note, style="yellow")


def _look(known: Sequence[tuple[DeadLetterPlace, "LetterQueue"]], limit: int, job: str | None) -> list[Look]:
    from rota.redrive import peek

    def one(place: DeadLetterPlace, letters: "LetterQueue") -> Look:
        depth = letters.depth()
        found = peek(letters, limit, wanted=lambda letter: job is None or place.read(letter).is_of(job))
        runs = together([place.read(letter) for letter in found.letters])
        runs.sort(key=lambda run: run[0].letter.sent_at or datetime.min.replace(tzinfo=UTC), reverse=True)
        total = max(depth.total, found.looked_at)
        # What is hidden from the count can have become visible since, and is seen then.
        hidden = min(depth.hidden, total - found.looked_at)
        complete = found.complete and not hidden
        return Look(place, found.looked_at if complete else total, hidden, found.looked_at, runs, complete)

    if not known:
        return []
    # At once: each has to wait for a second to be sure.
    with ThreadPoolExecutor(min(8, len(known))) as pool:
        return list(pool.map(one, *zip(*known, strict=True)))


def _unseen(look: Look, job: str | None) -> Iterator[str]:
    """What has not been looked at."""
    if look.hidden:
        yield f"{look.place}: {hidden(look.hidden)}"
    elif not look.complete and look.looked_at < look.total:
        none = f"none of {job} among the " if job and not look.runs else ""
        yield f"{look.place}: {none}{look.looked_at} of about {look.total} looked at; look at more with --limit"


def _print(look: Look, now: datetime) -> None:
    console = out()
    shown = sum(count for _, count in look.runs)
    count = f"{look.total}" if look.complete else f"about {look.total}"
    some = "" if shown >= look.total else f", {shown} shown"
    console.print(Text.assemble((str(look.place), "bold"), f": {count}{some}"))
    if look.runs:
        print_table(COLUMNS, [_row(run, count, now) for run, count in look.runs])
    console.print()


def _row(run: DeadRun, count: int, now: datetime) -> list[str]:
    reason = records.one_line(run.reason)
    return [
        records.one_line(run.job) or "?",
        records.one_line(run.run) or f"message {run.letter.id}",
        records.one_line(run.endpoint),
        records.spell_ago(run.letter.sent_at, now),
        run.attempts,
        records.one_line(run.status),
        str(count) if count > 1 else "",
        reason if run.again or run.problem in reason else f"{reason}; not to be redriven: {run.problem}",
        "" if run.error in run.reason else records.one_line(run.error),
    ]


def _record(look: Look) -> dict[str, Any]:
    return {
        "queue": look.place.queue,
        "place": str(look.place.kind),
        "letters": look.total,
        "hidden": look.hidden,
        "looked_at": look.looked_at,
        "complete": look.complete,
        "runs": [
            {
                "job": run.job or None,
                "run": run.run or None,
                "endpoint": run.endpoint or None,
                "status": int(run.status) if run.status.isdigit() else None,
                "attempts": int(run.attempts) if run.attempts.isdigit() else None,
                "reason": run.reason,
                "error": run.error or None,
                "traceback": run.traceback or None,
                "sent_at": records.iso_or_none(run.letter.sent_at),
                "letters": count,
                "message": run.letter.id,
                "problem": run.problem or None,
            }
            for run, count in look.runs
        ],
    }
