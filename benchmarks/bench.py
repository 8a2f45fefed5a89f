"""One run of the benchmark: who takes part, on which endpoint, how thoroughly."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contenders import REFERENCE, THREADS, Contender
from benchmarks.endpoint import Endpoint
from benchmarks.trial import Trial

PEER_ROUNDS = 1
"""Rounds in which all take part; the reference and rota take part in every one."""


@dataclass(frozen=True)
class Bench:
    """What the phases share."""

    endpoint: Endpoint
    contenders: dict[str, Contender]
    folder: Path
    quick: bool = False

    @property
    def threads(self) -> Sequence[int]:
        return (8,) if self.quick else THREADS

    def in_round(self, number: int) -> list[str]:
        """Who takes part, in an order that turns around from round to round."""
        names = [name for name in self.contenders if number < PEER_ROUNDS or name in (REFERENCE, "rota")]
        return names[::-1] if number % 2 else names

    def trial(self, name: str, jobs: list[list[int]], **options: Any) -> Trial:
        """A queue of its own for a contender; `options` are those of `Trial`."""
        return Trial(self.endpoint, self.contenders[name], self.folder, jobs, **options)

    @contextmanager
    def each(self, jobs: list[list[int]], *, visibility: int, variants: bool = True) -> Iterator[list[Trial]]:
        """A trial for each contender, and each of its variants, at once."""
        with ExitStack() as stack:
            yield [
                stack.enter_context(self.trial(name, jobs, visibility=visibility, variant=variant))
                for name, contender in self.contenders.items()
                for variant in contender.variants
                if variants or not variant
            ]

    def say(self, text: str) -> None:
        """Progress, for who waits."""
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
