"""For users' tests: a month of jobs in a second, a clock to move, queues in memory, the local AWS, and what every
backend must do.

    backend = MemoryBackend()
    Client(manifest, backend=backend).enqueue(send_invoice, SendInvoice(order_id=7))
    with Worker(manifest, backend=backend):
        ...

Names are imported when they are first used: neither pytest nor boto3 comes with this package alone.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota.testing.agreement import assert_handlers
    from rota.testing.clock import FakeClock
    from rota.testing.ledger_conformance import LedgerConformance
    from rota.testing.local_aws import LocalAws, LocalAwsError
    from rota.testing.memory import MemoryBackend, MemoryQueue
    from rota.testing.proof import assert_proven
    from rota.testing.queue_conformance import QueueConformance
    from rota.testing.simulation import SimulatedRun, Simulation, simulate
    from rota.testing.snapshot import assert_schedule_snapshot
    from rota.testing.store_conformance import StoreConformance

_HOMES = {
    "FakeClock": "clock",
    "LedgerConformance": "ledger_conformance",
    "LocalAws": "local_aws",
    "LocalAwsError": "local_aws",
    "MemoryBackend": "memory",
    "MemoryQueue": "memory",
    "QueueConformance": "queue_conformance",
    "SimulatedRun": "simulation",
    "Simulation": "simulation",
    "StoreConformance": "store_conformance",
    "assert_handlers": "agreement",
    "assert_proven": "proof",
    "assert_schedule_snapshot": "snapshot",
    "simulate": "simulation",
}

__all__ = [
    "FakeClock",
    "LedgerConformance",
    "LocalAws",
    "LocalAwsError",
    "MemoryBackend",
    "MemoryQueue",
    "QueueConformance",
    "SimulatedRun",
    "Simulation",
    "StoreConformance",
    "assert_handlers",
    "assert_proven",
    "assert_schedule_snapshot",
    "simulate",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rota.testing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"rota.testing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
