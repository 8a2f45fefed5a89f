"""One try over real sockets: each way in which it can end, and over TLS whom it talks to."""

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from rota.key_rotation import new_key
from rota.signature import verify
from rota.trigger import http
from rota.trigger.request import Answer, NoAnswer, Place, exchange, signed_request

KEYS = [new_key(since="2026-11-21T11:00:00Z").secret for _ in range(2)]
Made = Callable[..., Any]


@pytest.fixture
def post(endpoint: Made) -> Made:
    def one(port: int, *, timeout: float = 10.0, left: float = 60.0, body: bytes = b"{}", **changes: Any) -> Any:
        place = Place.of(endpoint(port, **changes))._replace(timeout=timeout)
        return exchange(place, signed_request(place, KEYS, "msg_1", body, time.time()), time.monotonic() + left)

    return one


def test_what_is_sent(scripted: Made, answer: Made, post: Made) -> None:
    server = scripted(answer(200, b"done"))
    assert post(server.port, body=b'{"rota":1}') == Answer(200, b"done")
    assert server.requests[0].startswith(b"POST /jobs HTTP/1.1\r\n")
    said = server.headers()
    assert said["host"] == "app.example.com"
    assert said["content-type"] == "application/json"
    assert server.body() == b'{"rota":1}'
    signatures = said["webhook-signature"].split(" ")
    assert len(signatures) == len(KEYS)
    for key, signature in zip(KEYS, signatures, strict=True):
        verify(
            [key],
            message_id=said["webhook-id"],
            timestamp=said["webhook-timestamp"],
            signature=signature,
            body=server.body(),
            now=time.time(),
        )


def test_a_redirect_is_not_followed(scripted: Made, answer: Made, post: Made) -> None:
    elsewhere = scripted(answer(200))
    server = scripted(answer(307, location=f"http://127.0.0.1:{elsewhere.port}/jobs"))
    assert post(server.port).status == 307
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), ("-1", None), ("", None)],
)
def test_retry_after(scripted: Made, answer: Made, post: Made, header: str, seconds: float | None) -> None:
    assert post(scripted(answer(503, retry_after=header)).port).retry_after == seconds


def test_no_more_than_the_beginning_of_an_answer_is_read(scripted: Made, answer: Made, post: Made) -> None:
    assert len(post(scripted(answer(200, b"x" * 200_000)).port).body) == 65536


# Not started


def test_no_connection(closed_port: int, post: Made) -> None:
    found = post(closed_port)
    assert isinstance(found, NoAnswer)
    assert (found.begun, found.passing) == (False, True)
    assert f"no connection to 127.0.0.1:{closed_port}: ConnectionRefusedError" in found.reason


@pytest.mark.parametrize("address", ["no.such.host.invalid", "x" * 70 + ".example", "a..b"])
def test_no_such_host(post: Made, address: str) -> None:
    found = post(80, address=address)
    assert (found.begun, found.passing) == (False, True)


def test_a_connection_that_broke_before_a_byte_was_sent(
    scripted: Made, answer: Made, post: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = scripted(answer(200))

    def broken(*where: Any, **rest: Any) -> socket.socket:
        made = socket.create_connection((where[0], where[1]))
        made.shutdown(socket.SHUT_WR)
        return made

    monkeypatch.setattr("rota.trigger.request.connected", broken)
    found = post(server.port)
    assert (found.begun, found.passing) == (False, True)
    assert "broke at once" in found.reason


def test_nothing_is_begun_that_the_function_could_not_end(scripted: Made, answer: Made, post: Made) -> None:
    server = scripted(answer(200))
    found = post(server.port, timeout=65.0, left=60.0)
    assert found == NoAnswer("the function has 60 s left, and an answer may take 65 s")
    assert server.requests == []


# Unknown


@pytest.mark.parametrize("step", ["reset", "close", b"HTTP/1.1 200 OK\r\ncontent-le", b"nonsense\r\n\r\n"])
def test_a_connection_that_broke_once_it_had_begun(scripted: Made, post: Made, step: bytes | str) -> None:
    found = post(scripted(step).port)
    assert isinstance(found, NoAnswer)
    assert found.begun
    assert not found.passing


def test_an_answer_of_the_middleware_is_known_by_its_header(scripted: Made, post: Made, answer: Made) -> None:
    assert post(scripted(answer(204, rota_version="1.0")).port) == Answer(204, of_rota=True)
    assert post(scripted(answer(204, server="rota-version")).port) == Answer(204)


def test_a_status_counts_though_its_body_broke_off(scripted: Made, post: Made) -> None:
    found = post(scripted(b"HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\nhi").port)
    assert found == Answer(500, b"hi")


def test_no_answer_in_time(scripted: Made, post: Made) -> None:
    found = post(scripted("hang").port, timeout=0.3)
    assert (found.begun, found.reason) == (True, "no answer: TimeoutError: timed out")


def test_an_answer_before_the_whole_body_was_taken_counts(scripted: Made, post: Made) -> None:
    found = post(scripted("refuse body").port, body=b"x" * 50_000_000)
    # A reset may overtake the answer; what is never said is that nothing was sent.
    assert found == Answer(413, b"too large") or (isinstance(found, NoAnswer) and found.begun)


# TLS


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that the trigger trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(http, "_contexts", [])
    return made


def secured(certificate: trustme.LeafCert, names: list[str | None]) -> Callable[[socket.socket], socket.socket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    return lambda connection: context.wrap_socket(connection, server_side=True)


def test_over_tls_it_connects_to_the_address_and_asks_for_the_host(
    scripted: Made, answer: Made, post: Made, authority: trustme.CA
) -> None:
    names: list[str | None] = []
    server = scripted(answer(200), secure=secured(authority.issue_cert("app.example.com"), names))
    assert post(server.port, tls=True) == Answer(200)
    assert names == ["app.example.com"]
    assert server.headers()["host"] == "app.example.com"


def test_a_server_s_own_certificate_may_have_another_name(
    scripted: Made, answer: Made, endpoint: Made, authority: trustme.CA
) -> None:
    names: list[str | None] = []
    server = scripted(answer(200), secure=secured(authority.issue_cert("node.internal"), names))
    config = endpoint(1, tls=False, server_tls=True, server_name="node.internal")
    place = Place.of_server(config, "127.0.0.1", server.port)
    request = signed_request(place, KEYS, "msg_1", b"{}", time.time())
    assert exchange(place, request, time.monotonic() + 100) == Answer(200)
    assert (names, server.headers()["host"]) == (["node.internal"], "app.example.com")


@pytest.mark.parametrize("stranger", [False, True])
def test_a_certificate_that_is_not_good_has_not_started_and_says_so(
    scripted: Made, answer: Made, post: Made, authority: trustme.CA, stranger: bool
) -> None:
    certificate = trustme.CA().issue_cert("app.example.com") if stranger else authority.issue_cert("other.example.com")
    server = scripted(answer(200), secure=secured(certificate, []))
    found = post(server.port, tls=True)
    assert isinstance(found, NoAnswer)
    assert (found.begun, found.passing) == (False, False)
    assert f"the certificate at 127.0.0.1:{server.port} is not good for app.example.com: " in found.reason
    assert server.requests == []


def test_no_tls_at_all(scripted: Made, answer: Made, post: Made, authority: trustme.CA) -> None:
    found = post(scripted(b"HTTP/1.1 400 Bad Request\r\n\r\n", secure=_plain).port, tls=True)
    assert isinstance(found, NoAnswer)
    assert (found.begun, found.passing) == (False, True)


def _plain(connection: socket.socket) -> socket.socket:
    connection.recv(10)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    return connection
