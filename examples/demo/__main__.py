"""`make demo`: deploy the example to the local AWS, let three servers share its runs, kill one, and count. Runs come to
them by two ways: from queues, and posted through a load balancer.

Exit code 0 only if nothing was lost and nothing ran again, except what finished on the killed server so shortly before
the kill that its acknowledgement was lost.
"""

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from examples.demo import fleet, over_http
from examples.demo.count import Count, count
from examples.demo.queues import Queues
from examples.shop import journal
from jobs import manifest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rota.testing.local_aws import local_aws

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["server-1", "server-2", "server-3"]
COLOURS = dict(zip(NAMES, ["cyan", "magenta", "yellow"], strict=True))
TICK = 1.0
KILL_AFTER = 10
"""At the earliest."""
KILL_BEFORE = 3
"""So long before the full minute at which rules fire: the load balancer does not know yet that one server is dead."""
WATCH_ON = 8
"""For so long after that minute."""
DRAIN_SECONDS = 25
"""More than the visibility timeout and the longest job: what is to run a second time has done so by then."""
INVOICES_A_BEAT = 2

console = Console()


class Demo:
    """One showing."""

    def __init__(
        self, servers: list[fleet.Server], journal_path: Path, queues: Queues, trigger: over_http.Trigger
    ) -> None:
        self._servers, self.trigger = servers, trigger
        self._journal = journal_path
        self._queues = queues
        self._events: list[dict[str, Any]] = []
        self._read_to = 0
        self._asked = 0
        self._killed: str | None = None
        self._killed_at = 0.0
        self._orders = 0
        self._from = datetime.now(UTC)
        self._due: list[tuple[str, str]] = []

    def show(self) -> int:
        """Enqueue through one server's page while rules fire, kill a server, wait until all is done.

        Returns how many messages were still in the queues when it would wait no longer.
        """
        front, start = self._servers[0], time.monotonic()
        minute = _seconds_to_the_minute_after(KILL_AFTER + KILL_BEFORE)
        watch = minute + WATCH_ON
        beat, next_report = start, start + minute - KILL_BEFORE
        while time.monotonic() - start < watch:
            if time.monotonic() >= beat and time.monotonic() - start < watch - 10:
                beat += 2
                for _ in range(INVOICES_A_BEAT):
                    self._orders += 1
                    front.post("/invoices", order_id=self._orders)
                    self._asked += 1
            self.tell()
            if self._killed is None and time.monotonic() > next_report:
                next_report = time.monotonic() + 1
                front.post("/reports", kind=f"weekly-{self._asked}")
                self._asked += 1
            self._kill_one_at_work()
            time.sleep(0.05)
        return self._wait_for_the_rest()

    def tell(self) -> None:
        """Print what the servers have written since."""
        events, self._read_to = journal.read(self._journal, self._read_to)
        for event in events:
            self._events.append(event)
            what = event["scheduled_at"] or event["note"]
            if event["scheduled_at"]:
                what = f"occurrence {datetime.fromisoformat(what):%H:%M}"
            _line(event["at"], event["server"], f"{event['event']:<9} {event['job']:<15} {what}")
        for posted in self.trigger.news():
            if posted.get("status") != over_http.DONE:
                _line(posted["time"] / 1000, "trigger ", over_http.spelled(posted))

    def _running_on(self, server: fleet.Server) -> list[dict[str, Any]]:
        finished = {(e["run"], e["server"]) for e in self._events if e["event"] == "finished"}
        return [
            e
            for e in self._events
            if e["event"] == "started" and e["server"] == server.name and (e["run"], e["server"]) not in finished
        ]

    def _kill_one_at_work(self) -> None:
        """Any server but the one whose page is asked, as soon as it is in the middle of a report, which takes
        seconds."""
        for victim in self._servers[1:]:
            running = self._running_on(victim)
            if self._killed is None and any(event["job"] == "build-report" for event in running):
                self._killed, self._killed_at = victim.name, victim.kill()
                jobs = ", ".join(f"{event['job']} {event['note']}".strip() for event in running)
                console.print(f"[bold red]{_clock(self._killed_at)}  {victim.name}  SIGKILL, while it runs {jobs}")

    def _wait_for_the_rest(self) -> int:
        """Until the queues are empty: a message that is hidden still may be a run that some server will run again."""
        console.print("[dim]Waiting until every queue is empty, hidden messages included ...")
        until, end = datetime.now(UTC), time.monotonic() + DRAIN_SECONDS
        self._due = [
            (job.name, at.isoformat())
            for job in manifest.jobs
            if job.schedule
            for at in job.schedule.between(self._from, until)
        ]
        while True:
            # Messages first: a run is in the journal before its message is deleted.
            left = self._queues.messages()
            self.tell()
            if time.monotonic() > end or not (left or self.never_seen()):
                return left
            time.sleep(0.1)

    def count(self) -> Count:
        """What has been seen so far."""
        return count(self._events, killed=self._killed, killed_at=self._killed_at)

    def never_seen(self) -> int:
        """Runs that were asked for, and occurrences that were due, of which no server ever wrote."""
        occurred = {(event["job"], event["scheduled_at"]) for event in self._events}
        missing = sum(occurrence not in occurred for occurrence in self._due)
        return missing + self._asked - sum(not run.is_occurrence for run in self.count().runs.values())


def main() -> int:
    """Run the demo; returns the exit code."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rota-demo-") as name, local_aws(tick=TICK) as aws:
        folder = Path(name)
        console.print(f"[dim]The local AWS is up; it looks at its rules every {TICK:.0f} s here, not every 10 s.")
        console.print("[dim]cdk deploy of app.py ...")
        # What CDK validates at each synth, the tests have validated.
        aws.deploy(ROOT, env={"CDK_VALIDATION": "false"})
        console.print(f"[dim]Deployed. Starting {len(NAMES)} web servers, each with a worker of 4 threads ...")
        path = folder / "journal"
        path.touch()
        servers = fleet.start(NAMES, {**aws.environment, "SHOP_JOURNAL": str(path)}, folder)
        demo = Demo(servers, path, Queues(aws), over_http.Trigger(aws))
        try:
            over_http.put_behind_the_balancer(aws, servers)
            console.print("[dim]The load balancer finds all of them well, and looks again every 5 s.")
            left = demo.show()
            console.print("[dim]Stopping the servers; each ends its open polls first, which takes up to 20 s ...")
        finally:
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait()
        demo.tell()
        console.print("\n[bold]rota runs[/bold] [dim]lists what the ledger has on record: each occurrence, once")
        subprocess.run([sys.executable, "-m", "rota", "runs"], env=aws.environment, cwd=ROOT, check=True)
    console.print("\n[bold]Over HTTP[/bold] [dim]through the load balancer: each occurrence, once")
    console.print(over_http.table(demo.count(), demo.trigger.posted))
    return _summary(demo.count(), demo.never_seen(), left, time.monotonic() - started)


def _summary(seen: Count, never_seen: int, left: int, seconds: float) -> int:
    lost = len(seen.lost) + never_seen
    table = Table(
        title=f"\nSummary, after {seconds:.0f} s", title_justify="left", title_style="bold", show_header=False
    )
    table.add_column()
    table.add_column(justify="right")
    for label, value in {
        "occurrences (of rules that fired)": seen.occurrences,
        "runs (occurrences and enqueued)": len(seen.runs),
        **{f"  finished on {name}": number for name, number in seen.by_server().items()},
        "taken over from the killed server": len(seen.taken_over),
        "acknowledgement lost at the kill": len(seen.unacknowledged),
        "ran again": len(seen.ran_again),
        "lost": lost,
    }.items():
        table.add_row(label, str(value))
    console.print(table)
    for run in seen.taken_over:
        where = ", ".join(call.server for call in seen.runs[run].finished)
        console.print(f"{seen.runs[run].job} started on {seen.killed}, which was killed, and finished on {where}.")
    posted = any(run.job in over_http.POSTED for run in seen.runs.values())
    if seen.killed is None or not seen.occurrences or not posted or not seen.taken_over:
        console.print(
            "[red]The demo did not see all it wanted to: occurrences from a queue and over HTTP, and a run taken over "
            "after the kill."
        )
        return 1
    if lost or seen.ran_again:
        console.print("[red]Something was lost or ran again.")
        return 1
    if left:
        console.print(f"[red]{left} messages were still in the queues after {DRAIN_SECONDS} s: each may run again.")
        return 1
    console.print("[green]Every run finished, each on one server.")
    return 0


def _seconds_to_the_minute_after(seconds: float) -> float:
    """How long until the first full minute that is no less than so far away."""
    then = datetime.now(UTC) + timedelta(seconds=seconds)
    return seconds + 60 - then.second - then.microsecond / 1_000_000


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"


def _line(at: float, server: str, text: str) -> None:
    # Text, not markup: what servers write is no instruction to the console.
    console.print(Text(f"{_clock(at)}  {server}  {text}", style=COLOURS.get(server, "")))


if __name__ == "__main__":
    sys.exit(main())
