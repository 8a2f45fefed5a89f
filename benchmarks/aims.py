"""What rota aims at, and whether a run met it."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CALLS_A_JOB = 0.25
IDLE_RECEIVES = 3.2
CPU_RATIO = 1.3
PACE_RATIO = 0.95
ENQUEUE_RATIO = 1.3
IMPORT_RATIO = 1.3
COLD_START_RATIOS = {"requests + boto3": 0.25, "axios + AWS SDK, Node": 0.5}
ASSET_KB = 100
SYNTH_RATIO = 0.30
SYNTH_GROWTH = 1.15


@dataclass(frozen=True)
class Aim:
    """One number beside what it should be; where it is reported alone, there is neither `most` nor `least`."""

    what: str
    measured: float
    most: float | None = None
    least: float | None = None
    detail: str = ""

    @property
    def bound(self) -> str:
        bounds = [] if self.least is None else [f"≥ {self.least}"]
        bounds += [] if self.most is None else [f"≤ {self.most}"]
        return f"= {self.most}" if bounds and self.most == self.least else ", ".join(bounds) or "-"

    @property
    def verdict(self) -> str:
        if self.most is None and self.least is None:
            return "reported"
        low, high = (
            self.least is not None and self.measured < self.least,
            self.most is not None and self.measured > self.most,
        )
        return "not met" if low or high else "met"


def check(results: dict[str, Any]) -> list[Aim]:
    """Each aim for which `results` has numbers."""
    return [
        *_throughput(results.get("throughput", [])),
        *_ratios(results),
        *_others(results),
        *_synth(results.get("synth", {})),
        *_failures(results),
    ]


def _throughput(rows: list[dict[str, Any]]) -> Iterator[Aim]:
    for row in rows:
        if row["contender"] != "rota":
            continue
        where, held = f"{row['ms']} ms jobs, {row['threads']} threads", row["threads"] > 1
        if row["cpu_ratio"] is not None:
            what = f"CPU a job, times raw boto3: {where}"
            yield Aim(what, row["cpu_ratio"], CPU_RATIO if held else None, detail=_spread(row["cpu_ratios"]))
        yield Aim(f"SQS calls a job under backlog: {where}", row["calls_job"]["all"], CALLS_A_JOB if held else None)


def _ratios(results: dict[str, Any]) -> Iterator[Aim]:
    if pace := results.get("pace"):
        what = f"jobs/s, times a plain loop of {pace['threads']} threads without a queue: {pace['ms']} ms jobs"
        yield Aim(what, pace["ratio"], least=PACE_RATIO, detail=_spread(pace["ratios"]))
    if enqueue := results.get("enqueue"):
        what = "CPU a job of enqueue_many, times raw SendMessageBatch"
        yield Aim(what, enqueue["ratio"], ENQUEUE_RATIO, detail=_spread(enqueue["ratios"]))


def _others(results: dict[str, Any]) -> Iterator[Aim]:
    if idle := results.get("idle", {}).get("rota"):
        what = "receives a minute, idle queue and process"
        yield Aim(what, idle["receives_min"], IDLE_RECEIVES, detail=f"{idle['threads']} threads")
    if imports := results.get("imports"):
        cpu = ", ".join(f"{name} {value:.1f} ms" for name, value in imports["cpu_ms"].items())
        yield Aim("CPU of `import rota`, times `import json, dataclasses`", imports["ratio"], IMPORT_RATIO, detail=cpu)
    if cold := results.get("cold_start"):
        for way in ("http", "https"):
            for peer, ratios in cold[way]["ratios"].items():
                what = f"CPU of the trigger's cold start over {way}, times {peer}"
                most = COLD_START_RATIOS[peer] if way == "http" else None
                yield Aim(what, statistics.median(ratios), most, detail=_range(ratios))
        detail = f"{cold['asset_files']} files"
        yield Aim(
            "the trigger's asset, KB of 1024 bytes, unzipped", cold["asset_bytes"] / 1024, ASSET_KB, detail=detail
        )


def _synth(found: dict[str, Any]) -> Iterator[Aim]:
    by_count = found.get("jobs", {})
    for count, row in by_count.items():
        what = f"CPU a job of construct and synth, times L2 Schedule + SqsSendMessage: {int(count):,} jobs"
        yield Aim(what, statistics.median(row["ratios"]), SYNTH_RATIO, detail=_spread(row["ratios"]))
    if len(by_count) == 2:
        (few, at_few), (many, at_many) = (
            (int(count), row["a_job"]["rota"]["cpu_ms"]) for count, row in by_count.items()
        )
        further = (at_many * many - at_few * few) / (many - few)
        what = f"CPU a job of construct and synth at {many:,} jobs, times that at {few:,}"
        detail = f"each of the further {many - few:,}: {further:.2f} ms, of the first {few:,}: {at_few:.2f} ms"
        yield Aim(what, at_many / at_few, SYNTH_GROWTH, detail=detail)


def _failures(results: dict[str, Any]) -> Iterator[Aim]:
    found = {name: results[name]["rota"] for name in FAILURES if "rota" in results.get(name, {})}
    if row := found.get("long_job"):
        yield Aim("starts of a job longer than the visibility timeout, two workers", row["starts"], 1, 1)
    if row := found.get("backlog"):
        yield Aim(f"starts of {row['jobs']} jobs in a backlog, two workers", row["starts"], row["jobs"], row["jobs"])
    for name, told in (("sigterm", "SIGTERM"), ("sigkill", "SIGKILL")):
        if row := found.get(name):
            unstarted = unstarted_of(row)
            what = f"unstarted jobs that were back when the worker had ended, {told}"
            yield Aim(what, row["came_back_at_once"], unstarted, unstarted)
            yield Aim(f"jobs lost, {told}", row["lost"], 0, 0)


FAILURES = ("long_job", "backlog", "sigterm", "sigkill")


def unstarted_of(row: dict[str, Any]) -> int:
    """How many jobs no thread had begun when the signal came."""
    unstarted: int = row["jobs"] - row["running_at_signal"]
    return unstarted


def _spread(ratios: list[float]) -> str:
    return " ".join(f"{ratio:.2f}" for ratio in ratios)


def _range(ratios: list[float]) -> str:
    return f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"
