"""What the fleet is doing now, by the handlers' log: blows are to hit something, however slow the machine is."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path


class Progress:
    """Reads on in the log whenever it is asked. Safe to call from many threads."""

    def __init__(self, log: Path) -> None:
        self._log, self._read = log, 0
        self._lock = threading.Lock()
        self._up: set[int] = set()
        self._running: defaultdict[int, dict[str, float]] = defaultdict(dict)

    def is_up(self, pid: int) -> bool:
        """Whether that worker has started."""
        with self._lock:
            self._read_on()
            return pid in self._up

    def is_busy(self, pid: int, runs: int, seconds: float) -> bool:
        """Whether that worker runs so many handlers, each for so many more seconds at least."""
        with self._lock:
            self._read_on()
            return sum(end - time.monotonic() >= seconds for end in self._running[pid].values()) >= runs

    def _read_on(self) -> None:
        if not self._log.exists():
            return
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in map(json.loads, whole.splitlines()):
            if line["event"] == "up":
                self._up.add(line["pid"])
            elif line["event"] == "started":
                self._running[line["pid"]][line["call"]] = line["at"] + line["seconds"]
            elif line["event"] == "ended":
                for calls in self._running.values():
                    calls.pop(line["call"], None)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it has come about, within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
