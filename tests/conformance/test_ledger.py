"""The ledger's state machine over `MemoryStore`, and over `DynamoDBStore` on moto."""

import itertools
from typing import Any

import pytest
from hypothesis import Phase, settings

from rota.aws.session import client
from rota.clock import Clock
from rota.stores.base import Store
from rota.stores.dynamodb import DynamoDBStore
from rota.stores.memory import MemoryStore
from rota.testing import LedgerConformance

_serial = itertools.count()


class OnMemory(LedgerConformance):
    def make_store(self, clock: Clock) -> Store:
        return MemoryStore(clock)


class SteppedStore(DynamoDBStore):
    """Its time is that of a clock which the test moves, and not the one in the service's answers."""

    def __init__(self, service: Any, table: str, clock: Clock) -> None:
        super().__init__(service, table)
        self._stepped = clock

    def now(self) -> float:
        return self._stepped.now().timestamp()


class OnMoto(LedgerConformance):
    """Each example begins with an empty table."""

    def make_store(self, clock: Clock) -> Store:
        service, table = client("dynamodb"), f"example-{next(_serial)}_ledger"
        service.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        return SteppedStore(service, table, clock)


SOON_TOLD = settings(
    phases=set(Phase) - {Phase.shrink, Phase.explain},
    report_multiple_bugs=False,
    print_blob=True,
)
"""A failure is told as it was found, with a blob to play it again by `@reproduce_failure`: to shorten it takes up to 5
minutes, which nobody has who waits for a build. Who looks into it adds `Phase.shrink`."""

OnMemory.TestCase.settings = settings(SOON_TOLD, max_examples=150, stateful_step_count=100)
OnMoto.TestCase.settings = settings(SOON_TOLD, max_examples=10, stateful_step_count=60)

TestOnMemory = OnMemory.TestCase


@pytest.mark.usefixtures("in_moto")
class TestOnMoto(OnMoto.TestCase):  # type: ignore[misc, name-defined] # hypothesis makes it at run time
    pass
