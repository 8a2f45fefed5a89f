"""The worker: receives runs, runs them in threads, keeps hold of them, settles them. Small roles, one file each."""

from rota.worker.worker import Worker

__all__ = ["Worker"]
