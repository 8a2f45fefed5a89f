"""Servers whose clocks are wrong."""

from datetime import datetime, timedelta

from rota.clock import SystemClock


class OffsetClock(SystemClock):
    """The machine's clocks, but the wall clock is off by `offset`. Durations are right, as on a real machine."""

    def __init__(self, offset: timedelta) -> None:
        self._offset = offset

    def now(self) -> datetime:
        return super().now() + self._offset
