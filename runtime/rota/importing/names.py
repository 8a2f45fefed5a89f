"""Names for jobs that were found, as `rota.validators` wants them."""

import re
from collections.abc import Collection

from rota.validators import MAX_NAME


def job_name(wanted: str, taken: Collection[str]) -> str:
    """A valid name like `wanted` that is none of `taken`."""
    plain = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"job-{plain}".strip("-")
    name, count = _cut(plain, MAX_NAME), 1
    while name in taken:
        count += 1
        ending = f"-{count}"
        name = _cut(plain, MAX_NAME - len(ending)) + ending
    return name


def _cut(name: str, length: int) -> str:
    return name[:length].rstrip("-")
