"""One measurement, in a process of its own: `python -m benchmarks.synth NAME JOBS FOLDER` makes the templates in FOLDER
and prints what that took. The floor writes again those that are in FOLDER."""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from benchmarks import processes
from benchmarks.synth import jobs

TIMED = {"AWS::Scheduler::Schedule", "AWS::Events::Rule"}


class Clock:
    """Seconds of processor time since it was made, of Python and of the Node that it started, by what was done."""

    def __init__(self) -> None:
        self._me = psutil.Process()
        self._started, self._at = time.monotonic(), self._now()
        self._parts: dict[str, dict[str, float]] = {}

    def lap(self, what: str) -> None:
        """Of what has been done since the last one."""
        now = self._now()
        self._parts[what] = {name: now[name] - self._at[name] for name in now}
        self._at = now

    def told(self) -> dict[str, Any]:
        """All of it, and the seconds of the clock on the wall."""
        cpu = sum(sum(part.values()) for part in self._parts.values())
        return {"cpu": cpu, "parts": self._parts, "seconds": time.monotonic() - self._started}

    def _now(self) -> dict[str, float]:
        whole, python = processes.cpu(self._me), time.process_time()
        return {"Python": python, "Node": max(0.0, whole - python)}


def main() -> None:
    name, count, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    found = _floor(folder) if name == "floor" else _contender(name, count, folder)
    templates = _templates(folder)
    resources = [resource for template in templates.values() for resource in template.get("Resources", {}).values()]
    made = sum(resource["Type"] in TIMED for resource in resources)
    if made != count:
        raise SystemExit(f"{name} made {made} rules and schedules of {count} jobs")
    print(json.dumps(found))


def _contender(name: str, count: int, folder: Path) -> dict[str, Any]:
    build = importlib.import_module(f"benchmarks.synth.{name}").build
    import aws_cdk as cdk

    asked = list(jobs(count))
    clock = Clock()
    app = cdk.App(outdir=str(folder))
    build(app, asked)
    clock.lap("construct")
    app.synth()
    clock.lap("synth")
    return clock.told()


def _floor(folder: Path) -> dict[str, Any]:
    templates = _templates(folder)
    clock = Clock()
    for name, template in templates.items():
        (folder / name).write_text(json.dumps(template, indent=1))  # as CDK does
    clock.lap("synth")
    return clock.told()


def _templates(folder: Path) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.template.json")}


if __name__ == "__main__":
    main()
