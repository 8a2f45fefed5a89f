"""Time, as a dependency: so that a test can move it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What rota asks of time."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; it never goes back. For durations and deadlines."""
        ...


_BOOT_TIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        # Linux's usual one stands still while the machine sleeps, and a lease does not.
        return time.monotonic() if _BOOT_TIME is None else time.clock_gettime(_BOOT_TIME)
