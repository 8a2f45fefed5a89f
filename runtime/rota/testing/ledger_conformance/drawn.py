"""What hypothesis draws: runs, messages, and how the store fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st

from rota.envelope import instant_text
from rota.exclusion import Overlap
from rota.testing.ledger_conformance.faulty_store import Fault
from rota.testing.ledger_conformance.model import LOCKS, RunModel


@dataclass(frozen=True)
class Declared:
    """A run to be: an occurrence for a target, or enqueued where that is None. Ids are anybody's."""

    job: str
    number: int
    target: str | None
    age: int
    lock: str | None
    overlap: Overlap
    unique: bool
    lease: int

    def run(self, now: datetime) -> RunModel:
        """It."""
        due = now - timedelta(seconds=self.age + self.number)
        return RunModel(
            job=self.job,
            id=f"{self.job}@{instant_text(due)}" if self.target else f"foreign-{self.number}",
            target=self.target or "orders",
            scheduled_at=due if self.target else None,
            enqueued_at=None if self.target else due,
            lock=self.lock,
            overlap=self.overlap,
            unique=self.unique,
            lease=timedelta(seconds=self.lease),
        )


@dataclass(frozen=True)
class Message:
    """Which of the messages of a run, whether somebody has just sent it again from the dead letters, and whether it
    comes too late."""

    attempt: int
    redrives: int
    is_sent_again: bool
    skip: str | None


WHICH = st.integers(0, 1000)
"""Which of those that there are, counted round."""

USUAL = "the usual lock"

FAULTS: st.SearchStrategy[Sequence[Fault]] = st.sampled_from(
    [
        *[()] * 8,
        ("fails",),
        ("loses the answer",),
        ("sends again",),
        ("is deaf",),
        ("is overtaken",),
        ("loses the answer", "fails"),
        ("is overtaken", "loses the answer"),
        ("loses the answer", "fails", "is overtaken", "loses the answer"),
        ("loses the answer", "stays away"),
    ]
)
DECLARED = st.builds(
    Declared,
    job=st.sampled_from("ab"),
    number=st.integers(0, 3),
    target=st.sampled_from(["orders", "billing", None]),
    age=st.sampled_from([0] * 6 + [30, 60, 60, 46 * 86_400]),
    lock=st.sampled_from([USUAL, USUAL, USUAL, None, *LOCKS]),
    overlap=st.sampled_from(["skip", "wait", "cancel_running"]),
    unique=st.booleans(),
    lease=st.sampled_from([15, 50]),
)
MESSAGES = st.builds(
    Message,
    attempt=WHICH,
    redrives=WHICH,
    is_sent_again=st.sampled_from([False] * 7 + [True]),
    skip=st.sampled_from([None] * 7 + ["too late"]),
)
