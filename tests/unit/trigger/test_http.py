"""Answers as servers write them, and as nobody should: read over a real pair of sockets."""

import socket
import threading
import time
from http.client import HTTPResponse
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.trigger.http import HttpError, Response, receive, send, written

MOST = 1000


def read(written: bytes, most: int = MOST, *, close: bool = True) -> Response:
    """What `receive` makes of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(written)
        if close:
            theirs.shutdown(socket.SHUT_WR)
        return receive(ours, time.monotonic() + (10 if close else 0.2), most)


def test_a_whole_answer_leaves_the_connection_for_the_next() -> None:
    found = read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A:  b \r\n\r\nhi", close=False)
    assert found == (200, {"content-length": "2", "x-a": "b"}, b"hi", True, "")


@pytest.mark.parametrize(
    "written",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: Close\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
    ],
)
def test_the_connection_is_not_kept_where_it_cannot_be(written: bytes) -> None:
    found = read(written)
    assert (found.status, found.body, found.whole) == (200, b"hi", False)


def test_chunks_with_extensions_and_trailers() -> None:
    body = b"3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-After: 1\r\n\r\n"
    found = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body, close=False)
    assert (found.body, found.whole) == (b"abc0123456789abcdef", True)


def test_words_before_the_answer_are_skipped() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    assert read(early + b"HTTP/1.1 204 No Content\r\n\r\n", close=False) == (204, {}, b"", True, "")


@pytest.mark.parametrize(
    "head", [b"content-length: 5000\r\n", b"transfer-encoding: chunked\r\n", b"connection: close\r\n"]
)
def test_no_more_of_a_body_is_read_than_was_asked_for(head: bytes) -> None:
    body = b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n" if b"chunked" in head else b"x" * 5000
    found = read(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
    assert (found.body, found.whole) == (b"x" * MOST, False)


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 +20 OK\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    ],
)
def test_what_is_no_whole_answer_is_an_error(written: bytes) -> None:
    with pytest.raises(HttpError):
        read(written)


LENGTH, CHUNKED = b"content-length: %b\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (LENGTH % b"5" + b"hi", b"hi"),
        (CHUNKED + b"5\r\nhi", b"hi"),
        (CHUNKED + b"2\r\nhi\r\n", b"hi"),
        (CHUNKED + b"2\r\nhi\r\nzz\r\nhi", b"hi"),
        (CHUNKED + b"2\r\nhi\r\n1_0\r\nhi", b"hi"),
        (CHUNKED + b"-5\r\nhi there\r\n0\r\n\r\n", b""),
        (CHUNKED + b"1\r\nhi\r\n0\r\n\r\n", b"h"),
    ],
)
def test_an_answer_whose_body_broke_off_is_one_still(rest: bytes, body: bytes) -> None:
    found = read(b"HTTP/1.1 500 X\r\nretry-after: 7\r\n" + rest)
    assert (found.status, found.headers["retry-after"], found.body, found.whole) == (500, "7", body, False)
    assert found.broken.startswith("HttpError: ")


@pytest.mark.parametrize("length", [b"-1", b"1_0", b"2, 3", b"two", b""])
def test_where_nobody_knows_its_length_a_body_ends_with_the_connection(length: bytes) -> None:
    found = read(b"HTTP/1.1 200 OK\r\n" + LENGTH % length + b"hi there")
    assert (found.body, found.whole, found.broken) == (b"hi there", False, "")


def test_a_body_that_does_not_end_is_not_waited_for() -> None:
    found = read(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi", close=False)
    assert (found.status, found.body, found.whole, found.broken) == (200, b"hi", False, "TimeoutError: timed out")


def test_headers_that_do_not_end_are_not_waited_for() -> None:
    with pytest.raises(TimeoutError):
        read(b"HTTP/1.1 200 OK\r\n", close=False)


def test_no_value_is_taken_for_a_header() -> None:
    found = read(b"HTTP/1.1 503 X\r\nx-a: b\r\n retry-after: 7\r\n\tx-c: d\r\ncontent-length: 0\r\n\r\n")
    assert found.headers == {"x-a": "b", "content-length": "0"}


def test_an_answer_in_drops_does_not_stretch_the_time() -> None:
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.02):
            theirs.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with pytest.raises(TimeoutError):
            receive(ours, time.monotonic() + 0.2, MOST)
    finally:
        over.set()
        thread.join()
        ours.close()
        theirs.close()


def test_what_is_sent_is_what_a_server_reads() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = written("/jobs", {"host": "a.b"}, b"body")
        assert send(ours, request, time.monotonic() + 10) == (len(request), None)
        assert theirs.recv(1000) == b"POST /jobs HTTP/1.1\r\nhost: a.b\r\ncontent-length: 4\r\n\r\nbody"


def test_how_much_was_sent_before_it_broke_is_known() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        sent, broken = send(ours, b"x", time.monotonic() + 10)
        assert sent == 0
        assert isinstance(broken, BrokenPipeError)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sent, broken = send(ours, b"x" * 10**8, time.monotonic() + 0.1)
        assert 0 < sent < 10**8
        assert isinstance(broken, TimeoutError)


class _Bytes:
    def __init__(self, read: bytes) -> None:
        self._read = read

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self._read)


ends = st.sampled_from([b"\r\n", b"\n"])
spaces = st.sampled_from([b" ", b"  ", b"\t"])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """One in any of the ways in which servers write them."""
    status = draw(st.integers(200, 599).filter(lambda status: status not in (204, 304)))  # have no body
    body = draw(st.binary(max_size=300))
    first = draw(spaces).join([b"HTTP/1.1", b"%d" % status, *draw(st.sampled_from([[], [b"X"], [b"Not X"]]))])
    lines = [first, *draw(st.lists(st.sampled_from([b"X-A: b", b"X-A:c\n folded: d", b"Retry-After: 7"])))]
    how = draw(st.sampled_from(["length", "chunked", "close"]))
    if how == "length":
        length = draw(st.sampled_from([b"%d", b"%025d"])) % len(body)
        lines += [draw(st.sampled_from([b"Content-Length: ", b"content-length:"])) + length] * draw(st.integers(1, 2))
    elif how == "chunked":
        lines.append(b"transfer-encoding: chunked")
    head = b"".join(line + draw(ends) for line in [*lines, b""])
    if how != "chunked":
        return head + body
    said = b""
    while body:
        size = draw(st.integers(1, 300))
        part, body = body[:size], body[size:]
        said += draw(st.sampled_from([b"%x", b"%X;a=b", b"%020x"])) % len(part) + draw(ends) + part + b"\r\n"
    # Some close without the line that ends it.
    return head + said + b"0" + draw(ends) + draw(st.sampled_from([b"\r\n", b"X-After: 1\r\n\r\n", b""]))


@given(answers())
def test_it_reads_what_the_standard_library_reads(said: bytes) -> None:
    stdlib: Any = HTTPResponse(_Bytes(said))  # type: ignore[arg-type] # its makefile is all that is asked of it
    stdlib.begin()
    found = read(said)
    expected = (stdlib.status, stdlib.read(), stdlib.headers.get("retry-after"))
    assert (found.status, found.body, found.headers.get("retry-after")) == expected
    assert not found.broken


def test_a_length_that_is_said_twice_in_one_header_counts() -> None:
    assert read(b"HTTP/1.1 200 OK\r\n" + LENGTH % b"2, 02" + b"hi", close=False).body == b"hi"
