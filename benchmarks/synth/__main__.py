"""One measurement, in a process of its own: `python -m benchmarks.synth NAME JOBS FOLDER` makes the templates in FOLDER
and prints what that took. The floor writes again those that are in FOLDER."""

import importlib
import json
import sys
import time
from pathlib import Path

import psutil
from benchmarks import processes
from benchmarks.synth import jobs

TIMED = {"AWS::Scheduler::Schedule", "AWS::Events::Rule"}


def main() -> None:
    name, count, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    cpu, seconds = _floor(folder) if name == "floor" else _contender(name, count, folder)
    templates = _templates(folder)
    resources = [resource for template in templates.values() for resource in template.get("Resources", {}).values()]
    made = sum(resource["Type"] in TIMED for resource in resources)
    if made != count:
        raise SystemExit(f"{name} made {made} rules and schedules of {count} jobs")
    print(json.dumps({"cpu": cpu, "seconds": seconds, "stacks": len(templates)}))


def _contender(name: str, count: int, folder: Path) -> tuple[float, float]:
    """Seconds of processor time, Python and its Node, and of the clock; without the imports."""
    build = importlib.import_module(f"benchmarks.synth.{name}").build
    import aws_cdk as cdk

    asked = list(jobs(count))
    me = psutil.Process()
    started, cpu = time.monotonic(), processes.cpu(me)
    app = cdk.App(outdir=str(folder))
    build(app, asked)
    app.synth()
    return processes.cpu(me) - cpu, time.monotonic() - started


def _floor(folder: Path) -> tuple[float, float]:
    templates = _templates(folder)
    started, cpu = time.monotonic(), time.process_time()
    for name, template in templates.items():
        (folder / name).write_text(json.dumps(template, indent=1))  # as CDK does
    return time.process_time() - cpu, time.monotonic() - started


def _templates(folder: Path) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.template.json")}


if __name__ == "__main__":
    main()
