"""The verdict as people read it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from chaos.evidence import Evidence
from chaos.judge import Count
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Verdict(IntEnum):
    """What came of it; the exit code."""

    HELD = 0
    BROKEN = 1
    PROVES_NOTHING = 2
    """Some of the trouble did not happen."""


SHOWN = 5
"""Offenders of a count that are named."""


def happened(
    evidence: Evidence, duplicates: int, events: Sequence[Mapping[str, Any]], faults: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """What the chaos was, counted."""
    did = Counter(event["event"] for event in events)
    records = evidence.records.values()
    outcomes = Counter(record.outcome or record.state for record in records)
    wrong = {name: Counter(line["fault"] for line in faults if _service(line) == name) for name in ("SQS", "DynamoDB")}
    asked: Mapping[str, int] = next((line["asked"] for line in faults if "asked" in line), {})
    return {
        "runs sent": len(evidence.sent),
        "of them sent twice": duplicates,
        "SIGKILLs": did["killed"],
        "calls that a SIGKILL ended": sum(call.killed for call in evidence.calls),
        "SIGSTOPs for longer than the lease": did["stopped"],
        "calls that a SIGSTOP caught": sum(call.stopped for call in evidence.calls),
        "cut-offs for longer than the lease": did["cut off"],
        "calls in all": len(evidence.calls),
        "attempts taken over": sum(outcome == "abandoned" for record in records for _, outcome in record.attempts),
        "calls told to stop": sum(call.told < float("inf") for call in evidence.calls),
        "stale writes refused": sum(call.refused for call in evidence.calls),
        **{f"runs {outcome}": number for outcome, number in sorted(outcomes.items())},
        "requests": sum(asked.values()),
        "requests to SQS that went wrong": sum(wrong["SQS"].values()),
        "requests to DynamoDB that went wrong": sum(wrong["DynamoDB"].values()),
        **{f"{service}: {kind}": number for service in wrong for kind, number in sorted(wrong[service].items())},
    }


NEEDED = (
    "of them sent twice",
    "calls that a SIGKILL ended",
    "calls that a SIGSTOP caught",
    "attempts taken over",
    "calls told to stop",
    "stale writes refused",
    "requests to SQS that went wrong",
    "requests to DynamoDB that went wrong",
)
"""What must have happened, or the verdict proves nothing."""


def _service(line: Mapping[str, Any]) -> str | None:
    if "fault" not in line:
        return None
    return "SQS" if line["request"].startswith("AmazonSQS") else "DynamoDB"


def show(console: Console, counts: Sequence[Count], chaos: Mapping[str, int], *, repeat: str) -> Verdict:
    """Print it, and return it."""
    table = Table(title="What happened")
    table.add_column("")
    table.add_column("", justify="right")
    for label, number in chaos.items():
        table.add_row(label, str(number))
    console.print(table)
    verdict = Table(title="What must not be")
    verdict.add_column("")
    verdict.add_column("", justify="right")
    for count in counts:
        verdict.add_row(count.what, Text(str(len(count.seen)), style="red" if count.seen else "green"))
    console.print(verdict)
    for count in counts:
        for seen in count.seen[:SHOWN]:
            console.print(Text(f"{count.what}: {seen}", style="red"))
        if len(count.seen) > SHOWN:
            console.print(Text(f"{count.what}: and {len(count.seen) - SHOWN} more", style="red"))
    guilty = any(count.seen for count in counts)
    missing = [label for label in NEEDED if not chaos.get(label)]
    if guilty:
        console.print(Text("rota did not hold.", style="bold red"))
    elif missing:
        console.print(Text(f"This proves nothing, for some of it did not happen: {', '.join(missing)}", style="red"))
    else:
        console.print(Text("Nothing lost, nothing twice.", style="green"))
    # How processes interleave is not the seed's to say.
    console.print(Text(f"The same again (the same plan and faults, not the same interleaving): {repeat}"))
    if guilty:
        return Verdict.BROKEN
    return Verdict.PROVES_NOTHING if missing else Verdict.HELD
