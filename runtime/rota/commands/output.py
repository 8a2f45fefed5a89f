"""What a command prints: line by line for whoever listens, and the end of it. Bounded memory, whatever comes."""

import codecs
from collections import deque
from collections.abc import Callable

PIECE = 8192
"""Characters of a line that are told of at once; a longer one comes in pieces."""

TAIL_LINES = 20
TAIL_LENGTH = 700
"""Characters of the end that are kept: a reason has 1000, and says more than that."""


class Output:
    """Bytes in, lines out: UTF-8, what is none replaced. Of what a carriage return overwrites on a terminal, such as a
    progress bar, the last counts; blank lines are left out."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._partial = ""
        self._last: deque[str] = deque(maxlen=TAIL_LINES)

    def feed(self, data: bytes) -> None:
        """More of it, cut anywhere."""
        *lines, self._partial = (self._partial + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._pieces(line)
        while len(self._partial) > PIECE:
            self._piece(self._partial[:PIECE])
            self._partial = self._partial[PIECE:]

    def close(self) -> None:
        """That was all."""
        rest, self._partial = self._partial + self._decoder.decode(b"", final=True), ""
        self._pieces(rest)

    @property
    def tail(self) -> str:
        """The last 20 lines, and of these the last 700 characters."""
        text = "\n".join(self._last)
        return text if len(text) <= TAIL_LENGTH else f"…{text[1 - TAIL_LENGTH :]}"

    def _pieces(self, line: str) -> None:
        for start in range(0, len(line), PIECE):
            self._piece(line[start : start + PIECE])

    def _piece(self, piece: str) -> None:
        seen = piece.rstrip().rpartition("\r")[2]
        if seen.strip():
            self._last.append(seen[-TAIL_LENGTH:])
            self._line(seen)
