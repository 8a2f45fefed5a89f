"""Signed requests after the Standard Webhooks specification: who has the secret wrote exactly this, just now.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from rota.errors import SignatureError

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

PREFIX = "whsec_"
"""How a secret begins when it is written down; base64 of its bytes follows."""
TOLERANCE = 5 * 60
"""Seconds that a timestamp may be off, either way: what the specification's own libraries allow."""
LEAST_BYTES, MOST_BYTES = 24, 64
"""How long a secret may be."""

_VERSION = "v1"
_MOST_SIGNATURES = 16
"""In one header; a sender has two keys. More would let anybody buy work with one request."""


class UnknownSignatureError(SignatureError):
    """No signature is of a key that counts here: of one made since the keys were read, perhaps."""


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, as it stands in the header `webhook-signature`: "v1," and base64. Several stand there with a space
    between them, one for each secret of a rotation.

    - `secret`: "whsec_" and base64 of 24 to 64 bytes; the prefix may be missing.
    - `message_id`: the header `webhook-id`, the same at each retry; without a '.', for one separates it from the rest.
    - `timestamp`: the header `webhook-timestamp`: seconds since 1970, when this request is made.
    - `body`: the bytes of the request's body.

    Raises `SignatureError` for a secret that cannot be one.
    """
    return _sign(secret_bytes(secret), message_id, str(timestamp), body)


def verify(
    secrets: Iterable[str],
    *,
    message_id: str,
    timestamp: str,
    signature: str,
    body: bytes,
    now: float,
    tolerance: float = TOLERANCE,
) -> None:
    """Returns if one of the signatures in the header is of one of the secrets, and the timestamp near `now`.

    - `secrets`: those that count now.
    - `message_id`, `timestamp`, `signature`: the headers as they came.
    - `now`: seconds since 1970.
    - `tolerance`: seconds that the timestamp may be off, either way; 5 minutes unless given.

    Raises `SignatureError` that says what is wrong: for a log, not for whoever sent the request. It is an
    `UnknownSignatureError` where newer keys may help. How long it takes tells nothing of the right signature.
    """
    if not message_id:
        raise SignatureError(f"there is no {ID_HEADER}")
    # Not int() alone: that takes "1_0", blanks and the digits of every script.
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise SignatureError(f"{TIMESTAMP_HEADER} must be seconds since 1970; got {timestamp[:40]!r}")
    if abs(now - int(timestamp)) > tolerance:
        away = f"{now - int(timestamp):.0f} s away, at most {tolerance:.0f} are allowed"
        raise SignatureError(f"{TIMESTAMP_HEADER} is {away}")
    given = [_bytes(one) for one in signature.split(" ")[:_MOST_SIGNATURES] if one.startswith(f"{_VERSION},")]
    if not given:
        raise SignatureError(f"there is no {_VERSION} signature in {SIGNATURE_HEADER}")
    expected = [_sign(secret_bytes(secret), message_id, timestamp, body).encode() for secret in secrets]
    # Each with each, no early end.
    matches = [hmac.compare_digest(one, other) for one in expected for other in given]
    if not any(matches):
        raise UnknownSignatureError("no signature is of a key that counts here")


def secret_bytes(secret: str) -> bytes:
    """The bytes of a secret. Raises `SignatureError`, which does not show it, for one that cannot be."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError(f"a secret must be {PREFIX!r} and base64") from None
    if not LEAST_BYTES <= len(found) <= MOST_BYTES:
        raise SignatureError(f"a secret has {LEAST_BYTES} to {MOST_BYTES} bytes; this one has {len(found)}")
    return found


def _sign(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    content = b".".join([_bytes(message_id), timestamp.encode(), body])
    return f"{_VERSION},{base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()}"


def _bytes(header: str) -> bytes:
    # A header that is no text must be refused and not raise, and no two may come out the same.
    return header.encode(errors="surrogatepass")
