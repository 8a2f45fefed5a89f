"""Locks: at most so many holders a key, each with a lease that renews itself and a fencing token.

Usable alone:

    from rota.locks import Locks

    lock = Locks.of(manifest)  # in the table that `Rota` has deployed
    with lock("report") as lease:
        print(lease.token)
"""

from rota.locks.lock import Lease, Locks

__all__ = ["Lease", "Locks"]
