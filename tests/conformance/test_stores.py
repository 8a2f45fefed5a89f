"""`MemoryStore`; `DynamoDBStore` on moto and on the local AWS. Both go by this machine's clock."""

import itertools
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from rota.aws.session import client
from rota.clock import Clock, SystemClock
from rota.errors import BackendError, LedgerError
from rota.stores import dynamodb
from rota.stores.base import ConflictError, Key, RefusedError, Store, Write
from rota.stores.dynamodb import DynamoDBStore
from rota.stores.memory import MemoryStore
from rota.testing import FakeClock, StoreConformance

MakeStore = Callable[[Clock], Store]

_serial = itertools.count()


def make_table(dynamodb: Any) -> str:
    """An empty table, as rota_cdk's."""
    name = f"conformance-{next(_serial)}_ledger"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


class TestMemoryStore(StoreConformance):
    """Its time is the clock's that it is made with: so all stores of a test are one, and the clock is right."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        store = MemoryStore(SystemClock())
        return lambda clock: store

    def server_time(self) -> float:
        return time.time()


class OnDynamoDB(StoreConformance):
    @pytest.fixture
    def make_store(self, service: Any) -> MakeStore:
        table = make_table(service)
        return lambda clock: DynamoDBStore(service, table, clock=clock)

    def server_time(self) -> float:
        return time.time()

    def test_documents_say_until_when_they_are_kept(self, service: Any) -> None:
        table = make_table(service)
        write = Write(key=Key("run#a", "1"), expects=None, body={"a": "b"}, keep_until=1_800_000_000.7)
        DynamoDBStore(service, table).write([write])
        assert service.scan(TableName=table)["Items"] == [
            {
                "pk": {"S": "run#a"},
                "sk": {"S": "1"},
                "version": {"S": write.version},
                "ttl": {"N": "1800000000"},
                "a": {"S": "b"},
            }
        ]

    def test_a_table_that_is_not_there_is_an_error_that_names_it(self, service: Any) -> None:
        store = DynamoDBStore(service, "gone_ledger")
        write = Write(key=Key("run#a"), expects=None, body={}, keep_until=0)
        for operation, request in {
            "get_item": lambda: store.get(Key("run#a")),
            "put_item": lambda: store.write([write]),
            "transact_write_items": lambda: store.write([write, Write(**vars(write) | {"key": Key("lock#a")})]),
            "query": lambda: store.list("run#a", limit=1),
        }.items():
            with pytest.raises(LedgerError, match=f"(?s)^table gone_ledger did not {operation}: .*") as refused:
                request()
            assert not isinstance(refused.value, ConflictError)

    @pytest.mark.parametrize(
        ("key", "body"), [(Key("run#a", ""), {}), (Key("run#a"), {"text": "x" * 450_000})], ids=["key", "size"]
    )
    @pytest.mark.parametrize("count", [1, 2])
    def test_what_it_never_takes_is_no_ledger_error(
        self, service: Any, key: Key, body: dict[str, Any], count: int
    ) -> None:
        """Or it would be tried again for ever."""
        store, other = DynamoDBStore(service, make_table(service)), Key("lock#a")
        writes = [Write(key=one, expects=None, body=body, keep_until=0) for one in (key, other)[:count]]
        with pytest.raises(BackendError) as refused:
            store.write(writes)
        assert isinstance(refused.value, RefusedError)
        assert not isinstance(refused.value, LedgerError)
        assert store.get(other) is None


class TestOnMoto(OnDynamoDB):
    @pytest.fixture
    def service(self, in_moto: None) -> Any:
        return client("dynamodb")


class TestOnLocalAws(OnDynamoDB):
    @pytest.fixture
    def service(self, on_local_aws: None) -> Any:
        return client("dynamodb")


# What no stand-in can be made to do: answers by the book, to a client that is told them.

STANDING = {"pk": {"S": "run#a"}, "sk": {"S": "-"}, "version": {"S": "v1"}, "ttl": {"N": "1"}}
WRITE = Write(key=Key("run#a"), expects="v1", body={}, keep_until=0)


@pytest.fixture
def told(in_moto: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store whose service answers what the test says."""
    monkeypatch.setattr(dynamodb.time, "sleep", lambda seconds: None)
    service = client("dynamodb")
    with Stubber(service) as stubber:
        yield DynamoDBStore(service, "a_ledger"), stubber


def test_a_write_that_meets_a_transaction_is_tried_again(told: tuple[DynamoDBStore, Stubber]) -> None:
    store, service = told
    service.add_client_error("put_item", "TransactionConflictException")
    service.add_response("get_item", {"Item": STANDING})
    service.add_response("put_item", {})
    store.write([WRITE])
    service.assert_no_pending_responses()


def test_transactions_that_keep_meeting_are_an_error_and_no_conflict(told: tuple[DynamoDBStore, Stubber]) -> None:
    store, service = told
    for _ in range(dynamodb.TRIES):
        service.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]},
        )
        service.add_response("get_item", {"Item": STANDING})
        service.add_response("get_item", {})
    other = Write(key=Key("lock#a"), expects=None, body={}, keep_until=0)
    with pytest.raises(LedgerError, match="table a_ledger: transactions on 'run#a' keep meeting") as refused:
        store.write([WRITE, other])
    assert not isinstance(refused.value, ConflictError)
    service.assert_no_pending_responses()


def test_a_transaction_that_is_throttled_is_an_error_and_no_conflict(told: tuple[DynamoDBStore, Stubber]) -> None:
    store, service = told
    service.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": "ThrottlingError"}, {"Code": "None"}]},
    )
    with pytest.raises(LedgerError, match="table a_ledger did not transact_write_items") as refused:
        store.write([WRITE, Write(key=Key("lock#a"), expects=None, body={}, keep_until=0)])
    assert not isinstance(refused.value, ConflictError)


def test_a_transaction_with_an_item_that_is_too_large_is_refused_for_good(told: tuple[DynamoDBStore, Stubber]) -> None:
    store, service = told
    service.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": [{"Code": "ValidationError"}, {"Code": "None"}]},
    )
    with pytest.raises(RefusedError, match="table a_ledger did not transact_write_items"):
        store.write([WRITE, Write(key=Key("lock#a"), expects=None, body={}, keep_until=0)])


def test_a_network_that_is_gone_is_an_error(in_moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    service = client("dynamodb")

    def gone(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(service, "get_item", gone)
    with pytest.raises(LedgerError, match="table a_ledger did not get_item: Could not connect"):
        DynamoDBStore(service, "a_ledger").get(Key("run#a"))


def test_the_date_of_an_error_tells_the_time_too(told: tuple[DynamoDBStore, Stubber]) -> None:
    store, service = told
    service.add_client_error(
        "get_item", "ThrottlingException", response_meta={"HTTPHeaders": {"date": "Sat, 21 Nov 2026 02:00:00 GMT"}}
    )
    with pytest.raises(LedgerError, match="did not get_item"):
        store.get(Key("run#a"))
    assert 0 <= store.now() - 1_795_226_400 < 30
    service.assert_no_pending_responses()


def test_the_time_is_asked_for_until_an_answer_comes_fast_enough(
    in_moto: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, clock = client("dynamodb"), FakeClock()
    waits = [20, 20, 1]

    def answer(**_: Any) -> dict[str, Any]:
        clock.advance(waits.pop(0))
        return {"ResponseMetadata": {"HTTPHeaders": {"date": formatdate(clock.now().timestamp() + 30, usegmt=True)}}}

    monkeypatch.setattr(service, "get_item", answer)
    store = DynamoDBStore(service, "a_ledger", clock=clock)
    assert abs(store.now() - clock.now().timestamp() - 30) <= 1
    waits += [20, 20, 20]
    with pytest.raises(LedgerError, match="the database answers too slowly to tell its time"):
        DynamoDBStore(service, "a_ledger", clock=clock).now()


def test_answers_without_a_date_do_not_tell_the_time(told: tuple[DynamoDBStore, Stubber]) -> None:
    store, service = told
    for _ in range(3):
        service.add_response("get_item", {})
    with pytest.raises(LedgerError, match="the database's answers have no Date header"):
        store.now()
