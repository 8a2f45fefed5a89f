"""The results as Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks.aims import check

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
    if aims := check(results):
        yield from _section("Aims", ["", "measured", "aim", "", "detail"], (_aim(aim) for aim in aims))
    if rows := results.get("throughput"):
        header = ["contender", "threads", "job", "rounds", "CPU ms/job", "times raw boto3", "calls/job"]
        header += ["receive", "delete", "visibility", "jobs/s", "MiB"]
        yield from _section("Cost and pace under backlog (medians)", header, map(_throughput, rows))
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
    return [aim.what, f"{aim.measured:.3g}", "-" if aim.most is None else f"≤ {aim.most}", aim.verdict, aim.detail]


def _throughput(row: dict[str, Any]) -> list[str]:
    calls = row["calls_job"]
    pace = f"{row['jobs_s']:.0f}" + (" (not all in time)" if row["unfinished"] else "")
    ratio = "-" if row["cpu_ratio"] is None else f"{row['cpu_ratio']:.2f}"
    where = [row["contender"], str(row["threads"]), f"{row['ms']} ms", str(row["rounds"])]
    kinds = [f"{calls[kind]:.3f}" for kind in ("all", "receive", "delete", "visibility")]
    return [*where, f"{row['cpu_ms_job']:.3f}", ratio, *kinds, pace, f"{row['memory_mib']:.0f}"]


def _text(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
