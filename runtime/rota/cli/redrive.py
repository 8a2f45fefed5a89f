"""`rota redrive`: send what lies in the dead-letter places again."""

import getpass
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.status import Status

from rota.cli import records
from rota.cli.deployment import deployment, permitted
from rota.cli.loading import NotFoundError, find_job
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import err, out, print_json, print_table
from rota.cli.places import DeadLetterPlace, places
from rota.dead_letters import DeadRun, Place
from rota.errors import RotaError

if TYPE_CHECKING:
    from rota.queues.base import LetterQueue
    from rota.redrive import Redriven

MOVE_FROM = 1000
"""Letters from which on SQS is asked to move them by itself: one by one takes more than a minute."""

COLUMNS = ("queue", "place", "sent", "duplicates", "moved by SQS", "left")


@dataclass(frozen=True)
class Summary:
    """What became of one place."""

    place: DeadLetterPlace
    done: "Redriven"
    moved: int = 0
    """Letters that SQS has moved by itself."""
    problem: str = ""
    """Why it moved no more."""


def redrive(
    everything: Annotated[bool, typer.Option("--all", help="All that lies there.")] = False,
    *,
    job: Annotated[str | None, typer.Option("--job", metavar="JOB", help="The runs of this job.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="This run.")] = None,
    queue: Annotated[
        str | None, typer.Option("--queue", "-q", metavar="NAME", help="From the places of one queue alone.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    by: Annotated[
        str | None, typer.Option(metavar="WHO", help="Who does it, for the record; you@this-machine unless given.")
    ] = None,
    move: Annotated[
        bool | None,
        typer.Option(
            "--move/--no-move",
            help="With --all: have SQS move dead letters by itself. Fast, but it puts nobody's name on record, and "
            "moves what cannot be read too. From 1000 letters on unless said.",
        ),
    ] = None,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Send dead runs again, each with all its attempts, under the same run id and instant.

    What EventBridge could not deliver becomes the run that it should have been. Letters are deleted after their run was
    sent, and those that cannot be read stay. Exits 1 where something asked for was not sent.
    """
    if sum((everything, job is not None, run is not None)) != 1:
        raise typer.BadParameter("say what to send: --all, --job JOB or --run RUN; rota dead shows what there is")
    deployed = deployment(manifest)
    if job is not None:
        find_job(deployed.manifest, job)
    if move and not everything:
        raise typer.BadParameter("--move is for --all: SQS moves a whole queue, or nothing")
    who = by or _who()
    with permitted():
        found = [(place, letters) for place in places(deployed, queue) if (letters := place.letters) is not None]
        if not (yes or dry_run or run is not None):
            _ask(job, [(place, letters.depth()) for place, letters in found])
        wanted = _wanted(job, run)
        summaries = [
            _one(place, letters, wanted, who, dry_run=dry_run, move=move if everything else False)
            for place, letters in found
        ]
    if run is not None and not any(map(_happened, summaries)):
        raise NotFoundError(f"run {run!r} lies in none of {len(found)} dead-letter places; see: rota dead")
    if as_json:
        print_json({"by": who, "dry_run": dry_run, "places": [_record(summary) for summary in summaries]})
    else:
        _print(summaries, dry_run=dry_run)
    if any(s.done.unreadable or s.done.refused or s.problem for s in summaries):
        raise typer.Exit(1)


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return f"unknown@{socket.gethostname()}"


def _wanted(job: str | None, run: str | None) -> Callable[[DeadRun], bool]:
    return lambda dead: (job is None or dead.job == job) and (run is None or dead.run == run)


def _ask(job: str | None, depths: Sequence[tuple[DeadLetterPlace, int]]) -> None:
    lying = {f"queue {place.queue}, {place.kind}": depth for place, depth in depths if depth}
    if not lying:
        return
    of = f"the runs of {job} among " if job else ""
    there = "; ".join(f"{where}: about {depth}" for where, depth in lying.items())
    if not sys.stdin.isatty():
        raise RotaError(f"nobody is there to ask whether to redrive {of}{there}; add --yes, or --dry-run to see them")
    typer.confirm(f"redrive {of}{there}?", abort=True, err=True)


def _one(
    place: DeadLetterPlace,
    letters: "LetterQueue",
    wanted: Callable[[DeadRun], bool],
    who: str,
    *,
    dry_run: bool,
    move: bool | None,
) -> Summary:
    from rota.redrive import Redriven
    from rota.redrive import redrive as send

    console = err()
    where = f"queue {place.queue}, {place.kind}"
    with console.status(where) if console.is_terminal else nullcontext() as status:
        own = place.kind is Place.DEAD_LETTERS and not dry_run
        if own and (move or (move is None and letters.depth() >= MOVE_FROM)):
            task = letters.move_all(place.to)
            if task is not None:
                return Summary(place, Redriven(), *_moved(letters, task, status, where))

        def tell(seen: int) -> None:
            if status is not None:
                status.update(f"{where}: {seen} letters looked at")

        return Summary(
            place, send(letters, place.to, read=place.read, wanted=wanted, who=who, dry_run=dry_run, progress=tell)
        )


def _moved(letters: "LetterQueue", task: str, status: Status | None, where: str) -> tuple[int, str]:
    """Waits until SQS has moved them: how many, and why no more."""
    while not (move := letters.moved(task)).done:
        if status is not None:
            status.update(f"{where}: SQS has moved {move.moved} of {move.total or '?'}")
        time.sleep(1)
    return move.moved, move.problem or ""


def _print(summaries: Sequence[Summary], *, dry_run: bool) -> None:
    told = [summary for summary in summaries if _happened(summary)]
    for summary in told:
        for run in summary.done.unreadable:
            label = records.one_line(run.run or run.job) or f"message {run.letter.id}"
            err().print(f"not sent, cannot be read: {label}: {records.one_line(run.problem)}", style="yellow")
        for run, reason in summary.done.refused:
            err().print(f"not sent, {run.run or run.letter.id}: {reason}", style="red")
        if summary.problem:
            err().print(f"queue {summary.place.queue}: SQS stopped moving: {summary.problem}", style="red")
        if summary.done.undeleted:
            count = summary.done.undeleted
            err().print(f"queue {summary.place.queue}: {count} letters are sent and not deleted", style="red")
        if summary.done.back:
            err().print(
                f"queue {summary.place.queue}: {summary.done.back} runs have failed again meanwhile, and lie there",
                style="yellow",
            )
        if dry_run:
            for run in summary.done.sent:
                out().print(f"would send {records.one_line(run.run) or run.letter.id} to queue {run.queue}")
    if told:
        columns = [("would send" if name == "sent" and dry_run else name) for name in COLUMNS]
        print_table(columns, [_row(summary) for summary in told])
    else:
        out().print("nothing was there to be sent")


def _happened(summary: Summary) -> bool:
    done = summary.done
    return bool(done.sent or done.unreadable or done.refused or done.back or summary.moved or summary.problem)


def _left(summary: Summary) -> int:
    done = summary.done
    return len(done.unreadable) + len(done.refused) + done.back + done.undeleted


def _row(summary: Summary) -> list[str]:
    done = summary.done
    counts = (len(done.sent), done.duplicates, summary.moved, _left(summary))
    return [summary.place.queue, str(summary.place.kind), *(str(count) if count else "" for count in counts)]


def _record(summary: Summary) -> dict[str, Any]:
    done = summary.done
    return {
        "queue": summary.place.queue,
        "place": str(summary.place.kind),
        "sent": [run.run or None for run in done.sent],
        "duplicates": done.duplicates,
        "moved": summary.moved,
        "failed_again": done.back,
        "not_deleted": done.undeleted,
        "not_sent": [
            *({"message": run.letter.id, "run": run.run or None, "reason": run.problem} for run in done.unreadable),
            *({"message": run.letter.id, "run": run.run or None, "reason": reason} for run, reason in done.refused),
        ],
        "problem": summary.problem or None,
    }
