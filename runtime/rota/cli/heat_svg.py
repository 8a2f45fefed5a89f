"""The heat map as a picture: SVG, by itself, for light and dark pages."""

from collections.abc import Iterator
from html import escape

from rota.cli.heat_map import level, ranges
from rota.forecast import Cell, Forecast

_CELL, _GAP = 14, 2
_LEFT, _TOP, _BOTTOM = 40, 56, 44
_WIDTH, _HEIGHT = _LEFT + 60 * _CELL + 20, _TOP + 24 * _CELL + _BOTTOM
NAMED = 10
"""How many jobs a tooltip names."""

_STYLE = """
  .page { fill: #ffffff } text { fill: #24292f; font: 11px system-ui, sans-serif } .title { font-size: 15px }
  .s0 { fill: #eef0f2 } .s1 { fill: #b8dbf5 } .s2 { fill: #5aa7e0 } .s3 { fill: #f0a030 } .s4 { fill: #c8321e }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #d0d7de }
    .s0 { fill: #1c232c } .s1 { fill: #1d4468 } .s2 { fill: #3484c4 } .s3 { fill: #e09a2b } .s4 { fill: #ff6a4d }
  }
"""


def heat_svg(found: Forecast, title: str) -> str:
    """The picture: 24 rows of 60 minutes, each telling its starts and jobs where the mouse is on it."""
    return "\n".join(_lines(found, title)) + "\n"


def _lines(found: Forecast, title: str) -> Iterator[str]:
    most = max((cell.total for cell in found.cells.values()), default=0)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img">'
    )
    yield f"<title>{_text(title)}</title>"
    yield f"<style>{_STYLE}</style>"
    yield f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>'
    yield f'<text class="title" x="{_LEFT}" y="22">{_text(title)}</text>'
    for minute in range(0, 60, 5):
        yield f'<text x="{_LEFT + minute * _CELL}" y="{_TOP - 8}">:{minute:02}</text>'
    for hour in range(24):
        yield f'<text x="{_LEFT - 8}" y="{_TOP + hour * _CELL + 10}" text-anchor="end">{hour:02}</text>'
        for minute in range(60):
            x, y = _LEFT + minute * _CELL, _TOP + hour * _CELL
            yield _square(x, y, found.cells.get(hour * 60 + minute), most)
    x, y = _LEFT, _TOP + 24 * _CELL + 16
    for shade, low, high in [(0, 0, 0), *ranges(most)]:
        said = f"{low:,}" if low == high else f"{low:,}-{high:,}"
        yield f'<rect class="s{shade}" x="{x}" y="{y}" width="{_CELL - _GAP}" height="{_CELL - _GAP}" rx="2"/>'
        yield f'<text x="{x + _CELL + 2}" y="{y + 10}">{said}</text>'
        x += _CELL + 16 + 7 * len(said)
    yield f'<text x="{x}" y="{y + 10}">starts a minute</text>'
    yield "</svg>"


def _square(x: int, y: int, cell: Cell | None, most: int) -> str:
    size = _CELL - _GAP
    square = f'<rect class="s{level(cell.total, most) if cell else 0}" x="{x}" y="{y}" width="{size}" height="{size}"'
    if cell is None:
        return f'{square} rx="2"/>'
    jobs = cell.jobs
    more = f" and {len(jobs) - NAMED} more" if len(jobs) > NAMED else ""
    starts = f"{cell.total:,} {'start' if cell.total == 1 else 'starts'}, {cell.most:,} at once"
    said = f"{cell.minute // 60:02}:{cell.minute % 60:02}: {starts}\n{', '.join(jobs[:NAMED])}{more}"
    return f'{square} rx="2"><title>{_text(said)}</title></rect>'


def _text(text: str) -> str:
    """For XML, which has no place for most control characters, whatever is written for them."""
    return escape("".join(char for char in text if char.isprintable() or char == "\n"), quote=False)
