"""What is kept of a command's output, and said of its end."""

import itertools
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.commands.output import PIECE, TAIL_LENGTH, TAIL_LINES, Output
from rota.commands.telling import failure, success
from rota.failures import Failure
from rota.verdicts import REASON_LENGTH

OVERDUE = "its deadline has passed"


def lines_of(*chunks: bytes) -> tuple[list[str], str]:
    lines: list[str] = []
    output = Output(lines.append)
    for chunk in chunks:
        output.feed(chunk)
    output.close()
    return lines, output.tail


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_however_output_is_cut_its_lines_and_its_tail_are_the_same(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert lines_of(*chunks) == lines_of(data)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=80), max_size=60))
def test_the_tail_is_the_end_of_the_last_lines(printed: list[str]) -> None:
    lines, tail = lines_of("\n".join(printed).encode())
    assert lines == [line.rstrip() for line in printed if line.strip()]
    assert len(tail) <= TAIL_LENGTH
    whole = "\n".join(lines[-TAIL_LINES:])
    assert whole.endswith(tail.removeprefix("…"))
    assert len(tail) == min(len(whole), TAIL_LENGTH)


def test_a_line_without_an_end_comes_in_pieces_and_takes_no_more_memory_than_one() -> None:
    lines: list[str] = []
    output = Output(lines.append)
    for _ in range(1000):
        output.feed(b"x" * 1000)
        assert len(output._partial) <= PIECE
    output.close()
    assert [len(line) for line in lines] == [PIECE] * (1_000_000 // PIECE) + [1_000_000 % PIECE]
    assert lines_of(b"x" * 1_000_000)[0] == lines
    assert output.tail.endswith("\n" + lines[-1])
    assert len(output.tail) == TAIL_LENGTH


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert lines_of(b"caf\xe9 \xc3", b"\xbc \xf0\x9f") == (["caf� ü �"], "caf� ü �")


def test_of_a_progress_bar_the_last_counts() -> None:
    assert lines_of(b"1 %\r50 %\r100 %\r\ndone\r\n") == (["100 %", "done"], "100 %\ndone")


@pytest.mark.parametrize(
    ("code", "told", "killed_after", "said"),
    [
        (3, None, None, "exit code 3"),
        (-signal.SIGSEGV, None, None, "ended by SIGSEGV"),
        (-signal.SIGKILL, None, None, "ended by SIGKILL, as when memory runs out"),
        (-40, None, None, "ended by signal 40"),
        (-signal.SIGTERM, OVERDUE, None, f"ended by SIGTERM when it was told to stop: {OVERDUE}"),
        (0, OVERDUE, None, f"exit code 0 when it was told to stop: {OVERDUE}"),
        (-signal.SIGKILL, OVERDUE, 4.0, f"killed 4 s after it was told to stop: {OVERDUE}"),
        (
            None,
            None,
            None,
            "exit code not known: something else in this server waits for its processes, or ignores SIGCHLD",
        ),
    ],
)
def test_how_a_command_failed(code: int | None, told: str | None, killed_after: float | None, said: str) -> None:
    silent = failure(code, "", told=told, killed_after=killed_after)
    assert (str(silent), silent.exit_code, silent.output) == (f"{said}, without output", code, "")
    spoke = failure(code, "no disk\x1b", told=told, killed_after=killed_after)
    assert (str(spoke), spoke.output) == (f"{said}; its output ends:\nno disk?", "no disk\x1b")


def test_the_longest_reason_still_has_the_end_of_the_output() -> None:
    tail = lines_of(b"x" * 5000 + b" the end")[1]
    said = Failure.of(failure(-9, tail, told=f"another server may own this run: {OVERDUE}", killed_after=4.0)).said
    assert len(f"attempts exhausted (100): {said}") <= REASON_LENGTH
    assert said.endswith(" the end")
    assert success(tail).endswith(" the end")
