"""`rota redrive`: send what lies in the dead-letter places again."""

import getpass
import socket
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rota.cli import records
from rota.cli.deployment import deployment, permitted
from rota.cli.loading import NotFoundError, find_job
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import err, out, print_json, print_table
from rota.cli.places import DeadLetterPlace, hidden, places
from rota.dead_letters import DeadRun, Place
from rota.errors import BackendError, RotaError

if TYPE_CHECKING:
    from rota.queues.base import Depth, LetterQueue, MoveTask
    from rota.redrive import Redriven

MANY = 1000
"""Letters from which on `--move` is worth a word: one by one takes more than a minute."""

UNNAMED = "puts nobody's name on record, and moves what cannot be read too"

COLUMNS = ("queue", "place", "sent", "duplicates", "moved by SQS", "left")


@dataclass
class Summary:
    """What became of one place."""

    place: DeadLetterPlace
    depth: "Depth"
    """Before."""
    done: "Redriven"
    moved: int | None = None
    """About how many letters SQS has moved by itself; None where it was not asked to, or does not."""
    problem: str = ""
    """Why it went no further."""

    @property
    def unseen(self) -> str:
        """What it has not looked at."""
        done, total = self.done, self.depth.total
        if self.moved is not None or self.problem or done.looked_at >= total:
            return ""
        if done.complete:
            # What is counted as visible and did not come is gone: the count is a little behind.
            missing = min(self.depth.hidden, total - done.looked_at)
            return hidden(missing) if missing else ""
        return f"{done.looked_at} of about {total} looked at; run it again"


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
        bool,
        typer.Option(
            "--move",
            help="With --all: have SQS move dead letters by itself. Fast, but it puts nobody's name on record, and "
            "moves what cannot be read too.",
        ),
    ] = False,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Send dead runs again, each with all its attempts, under the same run id and instant.

    What EventBridge could not deliver becomes the run that it should have been. Letters are deleted after their run was
    sent, and those that cannot be read stay. Exits 1 where something asked for was not sent, or not all was looked at.
    """
    from rota.redrive import Redriven

    if sum((everything, job is not None, run is not None)) != 1:
        raise typer.BadParameter("say what to send: --all, --job JOB or --run RUN; rota dead shows what there is")
    deployed = deployment(manifest)
    if job is not None:
        find_job(deployed.manifest, job)
    if move and not everything:
        raise typer.BadParameter("--move is for --all: SQS moves a whole queue, or nothing")
    who = by or _who()
    with permitted():
        there = [(place, place.letters) for place in places(deployed, queue)]
        found = [(Summary(place, at.depth(), Redriven()), at) for place, at in there if at is not None]
    summaries = [summary for summary, _ in found]
    notes = [place.unknown for place, at in there if at is None]
    if not (yes or dry_run or run is not None):
        _ask(job, found, move=move)
    if everything and not move and any(summary.depth.total >= MANY for summary in summaries):
        err().print(f"many go letter by letter; --move is faster, but {UNNAMED}", style="dim")
    for summary, at in found:
        _one(summary, at, _wanted(job, run), who, dry_run=dry_run, move=move)
    notes += [f"{summary.place}: {summary.unseen}" for summary in summaries if summary.unseen]
    if not any(map(_happened, summaries)) and (problem := "; ".join(s.problem for s in summaries if s.problem)):
        raise BackendError(problem)
    if run is not None and not any(map(_happened, summaries)):
        raise NotFoundError(
            "; ".join([f"run {run!r} lies in none of {len(found)} dead-letter places", *notes, "see: rota dead"])
        )
    if as_json:
        record = {"by": who, "dry_run": dry_run, "places": [_record(summary) for summary in summaries], "notes": notes}
        print_json(record)
    else:
        _print(summaries, notes, dry_run=dry_run)
    unseen = run is None and any(summary.unseen for summary in summaries)
    if unseen or any(s.done.unreadable or s.done.refused or s.done.undeleted or s.problem for s in summaries):
        raise typer.Exit(1)


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return f"unknown@{socket.gethostname()}"


def _wanted(job: str | None, run: str | None) -> Callable[[DeadRun], bool]:
    return lambda dead: (job is None or dead.is_of(job)) and (run is None or dead.run == run)


def _ask(job: str | None, found: Sequence[tuple[Summary, "LetterQueue"]], *, move: bool) -> None:
    from rota.redrive import peek

    lying = {str(summary.place): summary.depth.total for summary, _ in found if summary.depth.total}
    if not lying:  # or it is not counted yet: what is sent without a question must not lie there
        with permitted(), ThreadPoolExecutor(8) as pool:
            looks = pool.map(lambda each: peek(each[1], 1).looked_at, found)
            lying = {str(summary.place): count for (summary, _), count in zip(found, looks, strict=True) if count}
    if not lying:
        return
    of = f"the runs of {job} among " if job else ""
    there = "; ".join(f"{where}: about {total}" for where, total in lying.items())
    by_sqs = f", dead letters by SQS's own move, which {UNNAMED}" if move else ""
    if not sys.stdin.isatty():
        raise RotaError(
            f"nobody is there to ask whether to redrive {of}{there}{by_sqs}; add --yes, or --dry-run to see them"
        )
    typer.confirm(f"redrive {of}{there}{by_sqs}?", abort=True, err=True)


def _one(
    summary: Summary, at: "LetterQueue", wanted: Callable[[DeadRun], bool], who: str, *, dry_run: bool, move: bool
) -> None:
    from rota.redrive import redrive as send

    place, console = summary.place, err()
    with console.status(str(place)) if console.is_terminal else nullcontext() as status:

        def tell(text: str) -> None:
            if status is not None:
                status.update(f"{place}: {text}")

        try:
            with permitted():
                if move and not dry_run and place.kind is Place.DEAD_LETTERS and summary.depth.total:
                    if (task := at.move_all(place.to)) is not None:
                        _moved(summary, at, task, tell)
                        return
                    slower = f"{place}: SQS does not move them by itself, or not for you: it is done letter by letter"
                    err().print(slower, style="yellow")
                send(
                    at, place.to, read=place.read, wanted=wanted, who=who, done=summary.done, dry_run=dry_run,
                    progress=lambda count: tell(f"{count} letters looked at"),
                )  # fmt: skip
        except BackendError as error:
            summary.problem = str(error)


def _moved(summary: Summary, at: "LetterQueue", task: "MoveTask", tell: Callable[[str], None]) -> None:
    """Waits until SQS has moved them."""
    summary.moved = 0
    while True:
        move = at.moved(task)
        summary.moved, summary.problem = move.moved, move.problem or ""
        if move.done:
            return
        tell(f"SQS has moved {move.moved} of {move.total or '?'}")
        time.sleep(1)


def _print(summaries: Sequence[Summary], notes: Sequence[str], *, dry_run: bool) -> None:
    told = [summary for summary in summaries if _happened(summary) or summary.problem]
    for summary in told:
        _complain(summary)
        if dry_run:
            for run in summary.done.sent:
                out().print(f"would send {records.one_line(run.run) or run.letter.id} to queue {run.queue}")
    if told:
        columns = [("would send" if name == "sent" and dry_run else name) for name in COLUMNS]
        print_table(columns, [_row(summary) for summary in told])
    elif not notes:
        out().print("nothing was there to be sent")
    if any(summary.moved is not None for summary in told):
        err().print(f"SQS's own move {UNNAMED}", style="yellow")
    for note in notes:
        err().print(note, style="yellow")


def _complain(summary: Summary) -> None:
    for run in summary.done.unreadable:
        label = records.one_line(run.run or run.job) or f"message {run.letter.id}"
        err().print(f"not sent, cannot be read: {label}: {records.one_line(run.problem)}", style="yellow")
    for run, reason in summary.done.refused:
        err().print(f"not sent, {records.one_line(run.run) or run.letter.id}: {reason}", style="red")
    if summary.problem:
        err().print(f"{summary.place}: stopped: {summary.problem}", style="red")
    if summary.done.undeleted:
        count = summary.done.undeleted
        err().print(f"queue {summary.place.queue}: {count} letters are sent and not deleted", style="red")
    if summary.done.back:
        err().print(
            f"queue {summary.place.queue}: {summary.done.back} runs have failed again meanwhile, and lie there",
            style="yellow",
        )


def _happened(summary: Summary) -> bool:
    done = summary.done
    return bool(done.sent or done.unreadable or done.refused or done.back or summary.moved is not None)


def _left(summary: Summary) -> int:
    done = summary.done
    return len(done.unreadable) + len(done.refused) + done.back + done.undeleted


def _row(summary: Summary) -> list[str]:
    done = summary.done
    sent, duplicates, left = (str(count or "") for count in (len(done.sent), done.duplicates, _left(summary)))
    moved = "" if summary.moved is None else f"about {summary.moved}"
    return [summary.place.queue, str(summary.place.kind), sent, duplicates, moved, left]


def _record(summary: Summary) -> dict[str, Any]:
    done = summary.done
    return {
        "queue": summary.place.queue,
        "place": str(summary.place.kind),
        "sent": [run.run or None for run in done.sent],
        "duplicates": done.duplicates,
        "moved": summary.moved,
        "looked_at": done.looked_at,
        "complete": not (summary.unseen or summary.problem),
        "failed_again": done.back,
        "not_deleted": done.undeleted,
        "not_sent": [
            *({"message": run.letter.id, "run": run.run or None, "reason": run.problem} for run in done.unreadable),
            *({"message": run.letter.id, "run": run.run or None, "reason": reason} for run, reason in done.refused),
        ],
        "problem": summary.problem or None,
    }
