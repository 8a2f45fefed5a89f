"""A clock that moves when a test says so."""

import threading
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """A `Clock` that stands still until `advance`. Both of its clocks move together.

    `at` is the instant it starts at, aware; midnight of 1 January 2026 in UTC unless given.
    """

    def __init__(self, at: datetime = _START) -> None:
        if at.utcoffset() is None:
            raise ValueError(f"at needs a time zone, for example datetime(..., tzinfo=UTC); got {at!r}")
        self._start = at.astimezone(UTC)
        self._passed = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The instant it shows, in UTC."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self._passed.total_seconds()

    def advance(self, by: timedelta | float) -> None:
        """Move on, by a timedelta or by seconds. Raises `ValueError` for a way back."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta():
            raise ValueError(f"a clock does not go back; got {by!r}")
        with self._lock:
            self._passed += step
