"""The results as Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks.aims import FAILURES, check, unstarted_of

TITLES = {
    "latency": "Latency of one job on a polling worker, ms",
    "idle": "An idle queue and process, 8 threads where there are threads",
    "long_job": "One 12 s job, visibility timeout 5 s, two workers (1 start is right)",
    "backlog": "24 jobs of 1.5 s, visibility timeout 4 s, two workers (24 starts are right)",
    "sigterm": "SIGTERM with jobs in hand, 12 jobs of 3 s, 4 threads",
    "sigkill": "SIGKILL with jobs in hand, 12 jobs of 3 s, 4 threads",
}


def markdown(results: dict[str, Any]) -> str:
    """The whole report."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: dict[str, Any]) -> Iterator[str]:
    load = ", ".join(f"{value:.1f}" for value in (*results["load"], results["load_end"][0]))
    yield "# Results"
    yield ""
    yield f"{results['when']}, {results['machine']}. Load average at the start (1, 5, 15 minutes) and the end: {load}."
    earlier: dict[str, list[str]] = {}
    for phase, when in results.get("measured", {}).items():
        if when != results["when"]:
            earlier.setdefault(when, []).append(phase)
    for when, phases in sorted(earlier.items()):
        yield f"Measured before that, {when}: {', '.join(phases)}."
    if aims := check(results):
        yield from _section("Aims", ["", "measured", "aim", "", "detail"], (_aim(aim) for aim in aims))
    if rows := results.get("throughput"):
        header = ["contender", "threads", "job", "rounds", "CPU ms/job", "times raw boto3", "calls/job"]
        header += ["receive", "delete", "visibility", "jobs/s", "MiB"]
        yield from _section("Cost and pace under backlog (medians)", header, map(_throughput, rows))
    yield from _cold_start(results)
    yield from _synth(results)
    yield from _pace(results)
    yield from _enqueue(results)
    yield from _failures(results)
    for phase, title in TITLES.items():
        if found := results.get(phase):
            columns = list(next(iter(found.values())))
            table = ([name, *(_text(row[column]) for column in columns)] for name, row in found.items())
            yield from _section(title, ["contender", *(column.replace("_", " ") for column in columns)], table)


def _section(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from ("", f"## {title}", "", _line(header), _line(["---"] * len(header)))
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _aim(aim: Any) -> list[str]:
    return [aim.what, f"{aim.measured:.3g}", aim.bound, aim.verdict, aim.detail]


def _throughput(row: dict[str, Any]) -> list[str]:
    calls = row["calls_job"]
    pace = f"{row['jobs_s']:.0f}" + (" (not all in time)" if row["unfinished"] else "")
    ratio = "-" if row["cpu_ratio"] is None else f"{row['cpu_ratio']:.2f}"
    where = [row["contender"], str(row["threads"]), f"{row['ms']} ms", str(row["rounds"])]
    kinds = [f"{calls[kind]:.3f}" for kind in ("all", "receive", "delete", "visibility")]
    return [*where, f"{row['cpu_ms_job']:.3f}", ratio, *kinds, pace, f"{row['memory_mib']:.0f}"]


def _cold_start(results: dict[str, Any]) -> Iterator[str]:
    if found := results.get("cold_start"):
        title = "Cold start of the trigger: CPU ms of a process that imports it, reads the keys and posts one run"
        names = found["http"]["cpu_ms"]
        rows = ([name, *(f"{found[way]['cpu_ms'][name]:.0f}" for way in ("http", "https"))] for name in names)
        yield from _section(title, ["", "over http", "over https"], rows)


def _synth(results: dict[str, Any]) -> Iterator[str]:
    found = results.get("synth")
    if not found:
        return
    title = "Construct and synth of scheduled jobs, 320 to a stack, less what an empty app costs"
    header = [""]
    for count in found["jobs"]:
        header += [f"CPU ms/job, {int(count):,} jobs", "times L2 Schedule", "seconds", "rounds"]
    rows = (
        [title_of, *(cell for row in found["jobs"].values() for cell in _synth_cells(row["a_job"], name))]
        for name, title_of in found["contenders"].items()
    )
    yield from _section(title, header, rows)
    for count, row in found["jobs"].items():
        yield from _synth_parts(count, row["a_job"], found["contenders"])


def _synth_parts(count: str, a_job: dict[str, Any], contenders: dict[str, str]) -> Iterator[str]:
    columns = list(a_job["rota"]["parts_ms"])
    title = f"Where the time of construct and synth goes, {int(count):,} jobs: CPU ms/job, an empty app's included"
    rows = (
        [title_of, *(f"{a_job[name]['parts_ms'].get(column, 0):.3f}" for column in columns)]
        for name, title_of in contenders.items()
    )
    yield from _section(title, ["", *columns], rows)


def _synth_cells(a_job: dict[str, Any], name: str) -> list[str]:
    row, ratio = a_job[name], a_job[name]["cpu_ms"] / a_job["l2_schedule"]["cpu_ms"]
    return [f"{row['cpu_ms']:.3f}", f"{ratio:.2f}", f"{row['seconds']:.1f}", str(row["rounds"])]


def _pace(results: dict[str, Any]) -> Iterator[str]:
    if pace := results.get("pace"):
        title = f"The same handler, {pace['ms']} ms, on {pace['threads']} threads: with a queue, and without"
        rows = (
            [name, f"{jobs_s:.0f}", f"{1000 * pace['threads'] / jobs_s:.2f}"] for name, jobs_s in pace["jobs_s"].items()
        )
        yield from _section(title, ["", "jobs/s", "ms of a thread a job"], rows)


def _enqueue(results: dict[str, Any]) -> Iterator[str]:
    if found := results.get("enqueue"):
        title = f"Enqueueing {found['jobs']} jobs of {found['bytes']} bytes, ten a request"
        rows = (
            [name, f"{row['cpu_ms']:.4f}", f"{row['requests']:.3f}", f"{1000 / row['ms']:.0f}"]
            for name, row in found["a_job"].items()
        )
        yield from _section(title, ["contender", "CPU ms/job", "requests/job", "jobs/s"], rows)


def _failures(results: dict[str, Any]) -> Iterator[str]:
    """What the four tables that follow come to, a line each."""
    tables = [results.get(name) for name in FAILURES]
    if not all(tables):
        return
    long_job, backlog, *signals = (table for table in tables if table)
    header = ["contender", "long job: starts (1 is right)", "backlog: starts (24 is right)"]
    for told in ("SIGTERM", "SIGKILL"):
        header += [f"{told}: unstarted back at once", f"{told}: lost"]
    rows = (
        [
            name,
            str(long_job[name]["starts"]),
            str(backlog[name]["starts"]),
            *(cell for table in signals for cell in _signal(table[name])),
        ]
        for name in long_job
    )
    yield from _section("Failures in short", header, rows)


def _signal(row: dict[str, Any]) -> list[str]:
    # What it still took and finished before it ended had no need to come back.
    unstarted = unstarted_of(row)
    return [f"{row['came_back_at_once']} of {unstarted}", f"{row['lost']} of {row['jobs']}"]


def _text(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
