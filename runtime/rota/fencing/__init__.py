"""Fencing: a write that goes through only while no newer token has written.

A lease cannot stop a process that was paused past its end: it wakes up and writes. The store can: each guarded write
carries the run's token, is stored with it, and is refused where a higher one is stored. The door closes with the new
holder's first guarded write; to close it at the claim, write the fence first thing (docs/how-to/fence-your-writes.md).

    from rota.fencing import SqlGuard

    guard = SqlGuard(run.token)
    cursor.execute(
        "UPDATE accounts SET balance = :balance, rota_token = :rota_token WHERE id = :id AND rota_token <= :rota_token",
        guard.parameters(id=7, balance=100),
    )
    guard.check(cursor.rowcount)

The guards give text and parameters; connections stay yours, and no driver is imported.
"""

from rota.fencing.dynamodb import DynamoGuard
from rota.fencing.errors import FencingError, StaleTokenError
from rota.fencing.sql import SqlGuard

__all__ = ["DynamoGuard", "FencingError", "SqlGuard", "StaleTokenError"]
