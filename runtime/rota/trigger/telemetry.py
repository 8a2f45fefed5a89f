"""What the trigger tells: a line of JSON for each event, with metrics in CloudWatch's embedded format. Never a secret
or payload, nor what a server answered.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

NAMESPACE = "rota"
DIMENSIONS = ("deployment", "job", "endpoint")


class Telemetry:
    """Writes to standard output. Safe to share among threads."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment

    def tell(self, event: str, level: str = "INFO", metrics: Mapping[str, float] | None = None, **said: Any) -> None:
        """One event. `metrics` need `job` and `endpoint` beside them. What is None is left out."""
        now = round(time.time() * 1000)
        line: dict[str, Any] = {"level": level, "event": event, "time": now, "deployment": self._deployment}
        line |= {name: value for name, value in said.items() if value is not None}
        if metrics:
            line |= metrics
            named = [{"Name": name, "Unit": "Milliseconds" if name == "Duration" else "Count"} for name in metrics]
            directive = {"Namespace": NAMESPACE, "Dimensions": [DIMENSIONS], "Metrics": named}
            line["_aws"] = {"Timestamp": now, "CloudWatchMetrics": [directive]}
        # One write: what other threads say does not come between.
        sys.stdout.write(json.dumps(line, separators=(",", ":"), default=str) + "\n")
        sys.stdout.flush()
