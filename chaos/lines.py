"""Files of one JSON object a line, that many processes append to."""

import json
import os
import time
from pathlib import Path
from typing import Any


class LineLog:
    """Appends lines to a file, each with one system call: a killed process leaves whole lines."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, **fields: Any) -> None:
        """Append one line. `at` is this machine's monotonic clock in seconds, the same for all of its processes."""
        os.write(self._descriptor, (json.dumps({"at": time.monotonic(), **fields}) + "\n").encode())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines; none where there is no file yet."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
