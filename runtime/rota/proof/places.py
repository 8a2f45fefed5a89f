"""Who finds a lock full: starts of several jobs, put in order, against the places that the lock has. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple

_WEEK = 7 * 24 * 60
"""Starts are sorted week by week: millions of them at once would not fit in memory."""


class Starts(NamedTuple):
    """Those of one who takes places of the lock."""

    minutes: "array[int]"
    """Since 1970, in order; one that starts twice in a minute is there twice."""
    hold: int
    """For how many minutes a place stays taken, however short the run; none unless the lock says so."""


def full(members: Sequence[Starts], limit: int, *, waits: bool) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The minutes at which more want a place than there are, each with who: the indices of those that hold one since an
    earlier minute, and of those that start.

    Who finds no place takes none. Where all of them wait (`waits`), the first who finds none gets the next one to be
    free, so no place is wanting before a second one waits.
    """
    places = limit + waits
    held: list[tuple[int, int]] = []
    for minute, starting in _merged([member.minutes for member in members]):
        while held and held[0][0] <= minute:
            heappop(held)
        if len(held) + len(starting) > places:
            yield minute, tuple(sorted([*(member for _, member in held), *starting]))
        for member in starting[: places - len(held)]:
            if hold := members[member].hold:
                begins = minute if len(held) < limit else held[0][0]
                heappush(held, (begins + hold, member))


def _merged(starts: Sequence["array[int]"]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The minutes of all, in order, each with the indices of those that have it, as often as they do."""
    alike: dict[int, tuple[array[int], list[int]]] = {}  # jobs of one schedule have the same array, which is read once
    for index, minutes in enumerate(starts):
        if minutes:
            alike.setdefault(id(minutes), (minutes, []))[1].append(index)
    streams = list(alike.values())
    if not streams:
        return
    first, last = min(minutes[0] for minutes, _ in streams), max(minutes[-1] for minutes, _ in streams)
    count = len(streams)
    for low in range(first, last + 1, _WEEK):
        # Minute and stream as one number: numbers are sorted far faster than pairs.
        near = sorted(
            minute * count + stream
            for stream, (minutes, _) in enumerate(streams)
            for minute in minutes[bisect_left(minutes, low) : bisect_left(minutes, low + _WEEK)]
        )
        for minute, found in groupby(near, key=lambda each: each // count):
            yield minute, tuple(index for each in found for index in streams[each % count][1])
