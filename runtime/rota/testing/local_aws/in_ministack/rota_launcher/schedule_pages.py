"""ListSchedules in pages. ministack gives the first hundred, and says nothing of the others."""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import json
import sys
from typing import Any

from . import private

_scheduler = private.module("ministack.services.scheduler")
_MOST = 100  # of a page, on AWS as well

Response = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Puts the pages in the place of ministack's list."""
    list_schedules = _scheduler._list_schedules

    def list_pages(query: dict[str, Any]) -> Response:
        start, size = int(query.get("NextToken", 0)), int(query.get("MaxResults", _MOST))
        status, headers, body = list_schedules({**query, "MaxResults": sys.maxsize})
        found = json.loads(body)["Schedules"]
        page = {"Schedules": found[start : start + size]}
        if found[start + size :]:
            page["NextToken"] = str(start + size)
        return status, headers, json.dumps(page).encode()

    _scheduler._list_schedules = list_pages
