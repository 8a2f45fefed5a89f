"""How long a lease lasts, and how careful both sides of it are."""

from datetime import timedelta

MARGIN = timedelta(seconds=5)
"""A holder stops so long before the end of its lease, a taker waits so long after it: more than clocks, learnt from the
headers of answers, can differ, and than a thread may be late."""

SHORTEST = timedelta(seconds=15)
LONGEST = timedelta(seconds=50)


def lease_of(visibility: timedelta) -> timedelta:
    """The lease of a run from a queue with that visibility timeout: it can be taken over when the message returns."""
    return max(SHORTEST, min(LONGEST, visibility - 2 * MARGIN))
