"""The examples of docs/how-to/fence-your-writes.md, executed: PostgreSQL, and DynamoDB in moto."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError

from rota.fencing import FencingError, StaleTokenError

PAGE = (Path(__file__).parents[2] / "docs/how-to/fence-your-writes.md").read_text(encoding="utf-8")
LATE, LIVE = SimpleNamespace(token=1_795_226_400_000), SimpleNamespace(token=1_795_226_465_000)
"""Runs, or all that the examples read of them."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def examples() -> Any:
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, names)
    return SimpleNamespace(**names)


@pytest.fixture
def connection(postgresql: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS accounts, fences, report, months")
        connection.execute("CREATE TABLE accounts (id integer PRIMARY KEY, balance integer)")
        connection.execute("CREATE TABLE report (line text)")
        connection.execute("CREATE TABLE months (total integer)")
        connection.execute("INSERT INTO accounts VALUES (7, 0)")
        for block in blocks("sql"):
            connection.execute(block)
        yield connection


@pytest.fixture
def dynamodb(in_moto: None) -> Any:
    resource = boto3.resource("dynamodb")
    for name in ("orders", "fences", "receipts"):
        resource.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return resource


def test_the_update_and_the_upsert(examples: Any, connection: psycopg.Connection) -> None:
    for write in (examples.set_balance, examples.put_balance):
        write(LIVE, connection, 7, 100)
        with pytest.raises(StaleTokenError):
            write(LATE, connection, 7, 1)
        assert connection.execute("SELECT id, balance FROM accounts").fetchall() == [(7, 100)]
    examples.put_balance(LATE, connection, 8, 50)
    with pytest.raises(StaleTokenError, match="no such row"):
        examples.set_balance(LIVE, connection, 9, 1)


def test_one_fence_guards_all_that_follows_it(examples: Any, connection: psycopg.Connection) -> None:
    examples.rebuild(LATE, connection, ["old", "older"])
    examples.rebuild(LIVE, connection, ["new"])
    with pytest.raises(StaleTokenError):
        examples.rebuild(LATE, connection, ["late"])
    assert connection.execute("SELECT line FROM report").fetchall() == [("new",)]


def test_the_door_closes_with_the_first_guarded_write_and_the_fence_can_be_that(
    examples: Any, connection: psycopg.Connection
) -> None:
    examples.put_balance(LATE, connection, 7, 1)  # the new holder has its claim, and has written nothing
    examples.close_month(LIVE, connection)
    examples.pass_fence(LIVE, connection, "month")
    with pytest.raises(StaleTokenError):
        examples.close_month(LATE, connection)
    assert connection.execute("SELECT total FROM months").fetchall() == [(1,)]


def test_who_holds_the_fence_is_waited_for(examples: Any, connection: psycopg.Connection, postgresql: str) -> None:
    """A transaction that passed the fence and has not committed: a second one cannot come between."""
    with psycopg.connect(postgresql) as first, psycopg.connect(postgresql) as second:
        examples.pass_fence(LATE, first, "report")
        second.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            examples.pass_fence(LIVE, second, "report")
        first.execute("INSERT INTO report VALUES ('first')")
        first.commit()
        second.rollback()
        examples.rebuild(LIVE, second, ["second"])
    assert connection.execute("SELECT line FROM report").fetchall() == [("second",)]


def test_under_repeatable_read_two_at_once_are_a_serialization_failure(
    examples: Any, connection: psycopg.Connection, postgresql: str
) -> None:
    with psycopg.connect(postgresql) as late:
        late.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        late.execute("SELECT balance FROM accounts")
        examples.set_balance(LIVE, connection, 7, 100)
        with pytest.raises(psycopg.errors.SerializationFailure):
            examples.set_balance(LATE, late, 7, 1)
        late.rollback()
        with pytest.raises(StaleTokenError):
            examples.set_balance(LATE, late, 7, 1)


def test_the_item_of_the_resource(examples: Any, dynamodb: Any) -> None:
    orders = dynamodb.Table("orders")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        examples.set_status(LIVE, orders, "7", "paid")
    orders.put_item(Item={"id": "7", "status": "new"})
    examples.set_status(LIVE, orders, "7", "paid")
    with pytest.raises(StaleTokenError):
        examples.set_status(LATE, orders, "7", "late")
    assert orders.scan()["Items"] == [{"id": "7", "status": "paid", "rota_token": LIVE.token}]


def test_the_transaction_of_the_client(examples: Any, dynamodb: Any) -> None:
    examples.close_order(LIVE, boto3.client("dynamodb"), "7")
    dynamodb.Table("receipts").delete_item(Key={"id": "7"})
    with pytest.raises(StaleTokenError):
        examples.close_order(LATE, boto3.client("dynamodb"), "7")
    assert dynamodb.Table("receipts").scan()["Items"] == []


def test_a_run_without_a_token(examples: Any, connection: psycopg.Connection) -> None:
    with pytest.raises(FencingError, match="lock= or unique="):
        examples.set_balance(SimpleNamespace(token=None), connection, 7, 1)
