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
    assert found == (200, {"content-length": "2", "x-a": "b"}, b"hi", True)


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
    assert read(early + b"HTTP/1.1 204 No Content\r\n\r\n", close=False) == (204, {}, b"", True)


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
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nhi there\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1_0\r\n\r\nhi",
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


def test_an_answer_that_does_not_end_is_not_waited_for() -> None:
    with pytest.raises(TimeoutError):
        read(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi", close=False)


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


@given(
    status=st.integers(200, 599).filter(lambda status: status not in (204, 304)),  # have no body
    body=st.binary(max_size=300),
    chunks=st.lists(st.integers(1, 100), max_size=5),
    how=st.sampled_from(["length", "chunked", "close"]),
)
def test_it_reads_what_the_standard_library_reads(status: int, body: bytes, chunks: list[int], how: str) -> None:
    head = f"HTTP/1.1 {status} X\r\n".encode()
    if how == "length":
        said = head + b"content-length: %d\r\n\r\n" % len(body) + body
    elif how == "close":
        said = head + b"\r\n" + body
    else:
        said, rest = head + b"transfer-encoding: chunked\r\n\r\n", body
        for size in chunks:
            part, rest = rest[:size], rest[size:]
            said += b"%x\r\n%b\r\n" % (len(part), part) if part else b""
        said += b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b""
        said += b"0\r\n\r\n"
    stdlib: Any = HTTPResponse(_Bytes(said))  # type: ignore[arg-type] # its makefile is all that is asked of it
    stdlib.begin()
    found = read(said)
    assert (found.status, found.body) == (stdlib.status, stdlib.read())
