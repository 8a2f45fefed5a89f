"""Queues in memory for users' tests: `Worker(manifest, backend=MemoryBackend())`, `Client` the same."""

from rota.queues.memory import MemoryBackend, MemoryQueue

__all__ = ["MemoryBackend", "MemoryQueue"]
