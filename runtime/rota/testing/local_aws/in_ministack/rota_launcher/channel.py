"""The way back to the parent: one JSON message a line on what was stdout."""

import json
import os
from typing import Any, TextIO


def take_stdout() -> TextIO:
    """The stream to answer on. From here on, what anything prints goes to the log instead."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def tell(answers: TextIO, message: dict[str, Any]) -> None:
    """Writes one line."""
    answers.write(json.dumps(message) + "\n")
    answers.flush()
