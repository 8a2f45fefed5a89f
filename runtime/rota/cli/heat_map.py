"""A day as 24 rows of minutes, shaded by how many runs start then: for any terminal, with colours or without."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, sqrt

from rich.text import Text

from rota.forecast import Forecast

SHADES, PLAIN_SHADES = "·░▒▓█", ".-+*#"
"""From none to most; the second where an encoding has not the first."""
STYLES = ("dim", "blue", "cyan", "yellow", "bold red")
_LABEL, _SUM = 3, 10
_FOLDS = (1, 5, 10, 15, 30, 60)
"""How many minutes a column may have: those that most schedules keep to, lest they make patterns of their own."""
LEVELS = len(SHADES) - 1


def level(count: int, most: int) -> int:
    """The shade of a count, from 0 for none to 4; by its root, so that one full minute does not hide all others."""
    return min(LEVELS, ceil(LEVELS * sqrt(count / most))) if count else 0


def ranges(most: int) -> list[tuple[int, int, int]]:
    """The shades that counts up to `most` can have: each with the least and the most count of it."""
    found: dict[int, tuple[int, int]] = {}
    for shade in range(1, LEVELS + 1):
        high = min(most, int(most * (shade / LEVELS) ** 2 + 1e-9))
        low = max((ends[1] for ends in found.values()), default=0) + 1
        if low <= high:
            found[shade] = (low, high)
    return [(shade, low, high) for shade, (low, high) in found.items()]


def fold(counts: Mapping[int, int], minutes: int) -> dict[int, int]:
    """The counts of so many minutes together, by the place of that stretch in the day."""
    folded: dict[int, int] = {}
    for minute, count in counts.items():
        folded[minute // minutes] = folded.get(minute // minutes, 0) + count
    return folded


def heat_map(found: Forecast, *, width: int, plain: bool = False) -> Iterator[Text]:
    """The lines of it, for a terminal of `width` columns; `plain` where it shows ASCII alone."""
    shades = PLAIN_SHADES if plain else SHADES
    room = max(1, width - _LABEL - _SUM)
    minutes = next((each for each in _FOLDS if 60 // each <= room), 60)
    columns = 60 // minutes
    wide = max(1, min(room // columns, 2 if columns > 20 else 4))
    folded = fold({minute: cell.total for minute, cell in found.cells.items()}, minutes)
    most = max(folded.values(), default=0)
    yield Text(_ticks(columns, wide), "dim")
    for hour in range(24):
        line = Text.assemble((f"{hour:02} ", "dim"))
        row = [folded.get(hour * columns + place, 0) for place in range(columns)]
        for count in row:
            shade = level(count, most) if most else 0
            line.append(shades[shade] * wide, STYLES[shade])
        if sum(row):
            line.append(f" {sum(row):,}", "dim")
        yield line
    yield _legend(ranges(most), shades, minutes)


def _ticks(columns: int, wide: int) -> str:
    """The minutes above the columns, each where its column begins, as many as have room."""
    line, step = "", next((each for each in (5, 10, 15, 30) if columns * wide // (60 // each) >= 4), 60)
    for minute in range(0, 60, step):
        line = line.ljust(minute * columns // 60 * wide) + f":{minute:02}"
    return " " * _LABEL + line


def _legend(found: Sequence[tuple[int, int, int]], shades: str, minutes: int) -> Text:
    line = Text(" " * _LABEL)
    for shade, low, high in found:
        line.append(shades[shade] * 2, STYLES[shade])
        line.append(f" {low:,}  " if low == high else f" {low:,}-{high:,}  ")
    line.append("starts a minute" if minutes == 1 else f"starts in {minutes} minutes", "dim")
    return line
