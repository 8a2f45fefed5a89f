"""Keys replaced: what a rotation and a revocation make of those that count. The trigger has no need of it."""

import base64
import json
import secrets
from dataclasses import asdict

from rota.keys import Key
from rota.signature import PREFIX

KEPT = 2
"""How many keys a rotation leaves: the newest, and the one before it, with which requests are still signed."""


def encode(keys: tuple[Key, ...]) -> str:
    """The secret's text."""
    return json.dumps({"keys": [asdict(key) for key in keys]}, separators=(",", ":"))


def rotated(keys: tuple[Key, ...], *, since: str) -> tuple[Key, ...]:
    """The same with a new key, made at `since`; the `KEPT` newest of them."""
    return (*keys, new_key(since=since))[-KEPT:]


def revoked(keys: tuple[Key, ...], key_id: str, *, since: str) -> tuple[Key, ...]:
    """The same without that key; where it is the only one, with a new one in its place, made at `since`."""
    return tuple(key for key in keys if key.id != key_id) or (new_key(since=since),)


def new_key(*, since: str) -> Key:
    """A key of 32 random bytes."""
    return Key(
        id=f"k{secrets.token_hex(4)}", secret=PREFIX + base64.b64encode(secrets.token_bytes(32)).decode(), since=since
    )
