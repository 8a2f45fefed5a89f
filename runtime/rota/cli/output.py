"""How commands speak: JSON or text on stdout, errors on stderr. Colours only where a terminal shows them."""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rota.errors import RotaError

GAP = "  "


def out() -> Console:
    """Stdout. Nothing is wrapped but by the terminal, and nothing in the text is taken for markup."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def err() -> Console:
    """Stderr, the same."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=True)


def print_json(data: object) -> None:
    """The machine's form of what a command found. In ASCII: no encoding takes all that others may have written."""
    print(json.dumps(data, indent=2))


def print_error(error: RotaError) -> None:
    """Why a command cannot go on; the message ends with what to type."""
    err().print(Text.assemble(("error: ", "bold red"), str(error)))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, styles: Mapping[str, str] | None = None
) -> None:
    """Aligned columns, without those that are empty in every row.

    The last ones, where the terminal is too narrow for them, stand below their row; the very last, a text, on a line of
    its own. `styles` are those of cells that read so.
    """
    console = out()
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    columns = [columns[index] for index in kept]
    rows = [[row[index] for index in kept] for row in rows]
    widths = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
    fit = _fitting(widths, console.width) if console.is_terminal else len(widths)
    console.print(_line([name.upper() for name in columns], widths[:fit], "dim", "dim"))
    for row in rows:
        console.print(_line(row, widths[:fit], "bold", "", styles or {}))
        for part in (slice(fit, -1), slice(max(fit, len(columns) - 1), None)):
            if below := [f"{name} {cell}" for name, cell in zip(columns[part], row[part], strict=True) if cell]:
                console.print(Text(GAP + GAP.join(below), "dim"))


def _fitting(widths: Sequence[int], width: int) -> int:
    """How many columns fit; the first one does."""
    ends = [end - len(GAP) for end in accumulate(column + len(GAP) for column in widths)]
    return max(1, sum(end <= width for end in ends))


def _line(
    cells: Sequence[str], widths: Sequence[int], first: str, rest: str, styles: Mapping[str, str] = MappingProxyType({})
) -> Text:
    line = Text()
    for index, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        line.append(cell + " " * (width - cell_len(cell)) + GAP, styles.get(cell, rest if index else first))
    line.rstrip()
    return line
