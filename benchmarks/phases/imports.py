"""What `import rota` costs: processor time of a whole interpreter, beside one that imports what any program has."""

import os
import statistics
import subprocess
import sys
from typing import Any

STATEMENTS = {"nothing": "pass", "json, dataclasses": "import json, dataclasses", "rota": "import rota"}


def measure(times: int) -> dict[str, Any]:
    """Medians, the statements taking turns."""
    took: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(times):
        for name, statement in STATEMENTS.items():
            took[name].append(_cpu(statement))
    milliseconds = {name: statistics.median(values) * 1000 for name, values in took.items()}
    return {"cpu_ms": milliseconds, "ratio": milliseconds["rota"] / milliseconds["json, dataclasses"], "times": times}


def _cpu(statement: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", statement])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{statement!r} failed")
    return used.ru_utime + used.ru_stime
