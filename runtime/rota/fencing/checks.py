"""What every guard asks of its token and of names that become part of a statement."""

import re

from rota.fencing.errors import FencingError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def require_token(token: object) -> int:
    """The token itself. Raises `FencingError` where it is none, or nothing that a claim gives."""
    if token is None:
        raise FencingError(
            "this run has no fencing token, as nothing claims it: give its job lock= or unique=, or schedule it; "
            "then run.token is a number"
        )
    if not isinstance(token, int) or isinstance(token, bool) or token < 1:
        raise FencingError(
            f"a fencing token is a whole number from 1, as run.token or lease.token gives it; got {token!r}"
        )
    return token


def require_name(what: str, name: object) -> str:
    """The name itself. Raises `FencingError` for what is no plain identifier, as it would be part of a statement."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise FencingError(
            f"{what} must be a plain identifier (letters without accents, digits, _, no digit first), not quoted; "
            f"got {name!r}"
        )
    return name
