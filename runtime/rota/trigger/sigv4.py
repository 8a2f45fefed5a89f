"""Requests to AWS, signed: version 4, for bodies that are sent whole.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import NamedTuple

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """Whose request it is. The secrets are in no repr, and so in no log."""

    access_key: str
    secret_key: str
    token: str | None = None
    """Of a role's session, which a function always has."""

    def __repr__(self) -> str:
        return f"Credentials({self.access_key!r})"


def signed(
    headers: Mapping[str, str],
    *,
    credentials: Credentials,
    service: str,
    region: str,
    path: str,
    body: bytes,
    now: float,
) -> dict[str, str]:
    """The headers of a `POST` of `body` to `path`, signed: `headers` (names in lower case, `host` among them) and those
    that the signature brings. `now` is seconds since 1970."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    sent = {**headers, "x-amz-date": moment}
    if credentials.token:
        sent["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(sent))
    canonical = "\n".join(
        [
            "POST",
            path,
            "",  # no query
            *(f"{name}:{' '.join(sent[name].split())}" for name in sorted(sent)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    sent["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent
