"""What rota aims at, and whether a run met it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CALLS_A_JOB = 0.25
IDLE_RECEIVES = 3.2
CPU_RATIO = 1.5
IMPORT_RATIO = 1.3


@dataclass(frozen=True)
class Aim:
    """One number beside what it should be; `most` is None where it is reported alone."""

    what: str
    measured: float
    most: float | None
    detail: str = ""

    @property
    def verdict(self) -> str:
        if self.most is None:
            return "reported"
        return "met" if self.measured <= self.most else "not met"


def check(results: dict[str, Any]) -> list[Aim]:
    """Each aim for which `results` has numbers."""
    return [*_throughput(results.get("throughput", [])), *_others(results)]


def _throughput(rows: list[dict[str, Any]]) -> Iterator[Aim]:
    for row in rows:
        if row["contender"] != "rota":
            continue
        where, held = f"{row['ms']} ms jobs, {row['threads']} threads", row["threads"] > 1
        if row["cpu_ratio"] is not None:
            spread = " ".join(f"{ratio:.2f}" for ratio in row["cpu_ratios"])
            yield Aim(f"CPU a job, times raw boto3: {where}", row["cpu_ratio"], CPU_RATIO if held else None, spread)
        yield Aim(f"SQS calls a job under backlog: {where}", row["calls_job"]["all"], CALLS_A_JOB if held else None)


def _others(results: dict[str, Any]) -> Iterator[Aim]:
    if idle := results.get("idle", {}).get("rota"):
        yield Aim(
            "receives a minute, idle queue and process",
            idle["receives_min"],
            IDLE_RECEIVES,
            f"{idle['threads']} threads",
        )
    if imports := results.get("imports"):
        cpu = ", ".join(f"{name} {value:.1f} ms" for name, value in imports["cpu_ms"].items())
        yield Aim("CPU of `import rota`, times `import json, dataclasses`", imports["ratio"], IMPORT_RATIO, cpu)
