"""`make scale`: deploy 2,000 jobs over 32 stacks to the local AWS; then add one, remove one, change one, and deploy it.

Exit code 0 only if those three schedules changed, and no other, and no stack but theirs.
"""

import sys

from examples.scale.growth import EDITS, Growth, grow
from examples.scale.jobs import JOBS, SHARDS
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rota.testing.local_aws import local_aws

console = Console()


def main() -> int:
    """Run it; returns the exit code."""
    with local_aws() as aws:
        grown = grow(aws, JOBS, SHARDS, lambda what: console.print(f"[dim]{what}"))
    console.print("\n[bold]What cdk diff says[/bold] [dim]once one job is added, one removed, one changed")
    for line in grown.diff_lines:
        console.print(escape(line), soft_wrap=True, highlight=False)
    console.print(_schedules(grown))
    console.print(_seconds(grown))
    if not grown.is_as_promised:
        console.print(
            "[red]More changed than should have, or less: "
            f"added {sorted(grown.added)}, removed {sorted(grown.removed)}, touched {sorted(grown.touched)}, "
            f"stacks {sorted(grown.updated_stacks)}; into the queue came a run of {grown.delivered}."
        )
        return 1
    console.print(f"[green]Three of {JOBS:,} jobs changed, and {len(grown.updated_stacks)} of {SHARDS} shards.")
    return 0


def _schedules(grown: Growth) -> Table:
    table = Table(title="\nWhat Scheduler and CloudFormation say", title_justify="left", title_style="bold")
    for header in ("", "job", "stack", "made", "modified"):
        table.add_column(header)
    everything = grown.before.schedules | grown.after.schedules
    for what, name in grown.expected.items():
        if seen := everything.get(name):
            modified = f"{seen.modified:%H:%M:%S}" if name in grown.after.schedules else "gone"
            table.add_row(what, EDITS[what], seen.stack, f"{seen.created:%H:%M:%S}", modified)
    others = grown.after.schedules.keys() - grown.added - grown.touched
    table.add_section()
    left = grown.before.stacks.keys() - grown.updated_stacks
    table.add_row("untouched", f"{len(others):,} others", f"{len(left)} stacks", "before", "before")
    return table


def _seconds(grown: Growth) -> Table:
    table = Table(title="\nWhat it took", title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("seconds", justify="right")
    for what, seconds in grown.seconds.items():
        table.add_row(what, f"{seconds:.1f}")
    table.add_section()
    table.add_row("all of it", f"{sum(grown.seconds.values()):.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
