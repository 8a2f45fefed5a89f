"""The durable record of runs: who may run what, and what became of it. docs/ledger.md says how."""

from rota.ledger.claim import Claim
from rota.ledger.ledger import Ledger
from rota.ledger.records import Attempt, Record, State

__all__ = ["Attempt", "Claim", "Ledger", "Record", "State"]
