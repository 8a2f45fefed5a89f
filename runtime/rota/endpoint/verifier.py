"""Whether a request was signed by one who has a key."""

import contextlib
from collections.abc import Mapping, Sequence

from rota.errors import SignatureError
from rota.keys import KeyRing
from rota.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, UnknownSignatureError, verify


def check_form(headers: Mapping[str, str], now: float) -> None:
    """Returns if it looks like a signed request of just now, which needs no keys to tell. Raises `SignatureError`."""
    with contextlib.suppress(UnknownSignatureError):  # so far it is well: it is of none of these no keys
        _verify((), _given(headers), b"", now)


def check(ring: KeyRing, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Returns if it was, just now (`now` is in seconds since 1970). A signature that no key made is tried again with
    newer keys, where these may be read again. Raises `SignatureError` that says what is wrong, for a log."""
    given = _given(headers)
    known = ring.secrets()
    try:
        _verify(known, given, body, now)
    except UnknownSignatureError:
        ring.refresh()
        # Whoever read them: another request may have meanwhile. Nobody waits for one that still does.
        if (newer := ring.secrets()) == known:
            raise
        _verify(newer, given, body, now)


def _given(headers: Mapping[str, str]) -> dict[str, str]:
    given = {name: headers.get(name, "") for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)}
    if odd := next((name for name, value in given.items() if not value.isascii()), None):
        raise SignatureError(f"{odd} is not ASCII")
    return given


def _verify(secrets: Sequence[str], given: Mapping[str, str], body: bytes, now: float) -> None:
    verify(
        secrets,
        message_id=given[ID_HEADER],
        timestamp=given[TIMESTAMP_HEADER],
        signature=given[SIGNATURE_HEADER],
        body=body,
        now=now,
    )
