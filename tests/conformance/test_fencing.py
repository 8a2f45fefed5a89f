"""What a guarded write must do, on every store: DynamoDB (moto, the local AWS), PostgreSQL, SQLite, SQLAlchemy."""

import itertools
import random
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import psycopg
import pytest
import sqlalchemy
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from rota.fencing import DynamoGuard, SqlGuard, StaleTokenError

NOW = 1_795_226_400_000  # a token as claims give them
_serial = itertools.count()


class FencingConformance(ABC):
    """The item `7` and what is written to it."""

    @pytest.fixture
    def store(self) -> Any:
        raise NotImplementedError

    @abstractmethod
    def write(self, store: Any, token: int, value: str) -> None: ...

    @abstractmethod
    def read(self, store: Any) -> tuple[str, int]:
        """The value and its token."""

    def test_the_first_write_passes(self, store: Any) -> None:
        self.write(store, NOW, "first")
        assert self.read(store) == ("first", NOW)

    def test_the_same_token_writes_again(self, store: Any) -> None:
        self.write(store, NOW, "first")
        self.write(store, NOW, "second")
        assert self.read(store) == ("second", NOW)

    def test_a_higher_token_passes(self, store: Any) -> None:
        self.write(store, NOW, "old")
        self.write(store, NOW + 1, "new")
        assert self.read(store) == ("new", NOW + 1)

    def test_a_lower_token_is_refused_and_writes_nothing(self, store: Any) -> None:
        self.write(store, NOW + 1, "new")
        with pytest.raises(StaleTokenError, match=f"{NOW}.* must stop.* another server runs it now") as refused:
            self.write(store, NOW, "late")
        assert refused.value.token == NOW
        assert self.read(store) == ("new", NOW + 1)
        self.write(store, NOW + 1, "newer")
        assert self.read(store) == ("newer", NOW + 1)

    def test_of_any_writes_in_any_order_the_highest_token_stands(self, store: Any) -> None:
        chosen = random.Random(21)
        highest = 0
        for number in range(60):
            token = NOW + chosen.randrange(30)
            if token < highest:
                with pytest.raises(StaleTokenError):
                    self.write(store, token, str(number))
                continue
            self.write(store, token, str(number))
            highest = token
            assert self.read(store) == (str(number), token)


class OnDynamoDb(FencingConformance):
    """The resource, with plain values; the table's item is not there before the first write."""

    @pytest.fixture
    def store(self, in_moto: None) -> Any:
        return make_table()

    def write(self, store: Any, token: int, value: str) -> None:
        guard = DynamoGuard(token)
        with guard.checked():
            store.update_item(
                **guard.update_item(
                    Key={"id": "7"},
                    UpdateExpression="REMOVE gone SET #v = :v",
                    ConditionExpression="attribute_not_exists(gone) OR attribute_exists(id)",
                    ExpressionAttributeNames={"#v": "value"},
                    ExpressionAttributeValues={":v": value},
                )
            )

    def read(self, store: Any) -> tuple[str, int]:
        item = store.get_item(Key={"id": "7"}, ConsistentRead=True)["Item"]
        return item["value"], int(item["rota_token"])


class TestUpdateItem(OnDynamoDb):
    def test_a_failure_of_your_own_condition_is_no_stale_token(self, store: Any) -> None:
        guard = DynamoGuard(NOW)
        self.write(store, NOW, "first")
        for request in (
            {"ConditionExpression": "attribute_not_exists(id)"},
            {"ConditionExpression": Attr("a").exists()},
        ):
            with pytest.raises(ClientError, match="ConditionalCheckFailed"), guard.checked():
                store.update_item(**guard.update_item(Key={"id": "7"}, **request))
        assert self.read(store) == ("first", NOW)

    def test_without_an_expression_of_yours_the_token_is_written_alone(self, store: Any) -> None:
        store.update_item(**DynamoGuard(NOW, attribute="Status").update_item(Key={"id": "7"}))
        assert store.get_item(Key={"id": "7"})["Item"] == {"id": "7", "Status": NOW}

    def test_a_late_delete_is_refused(self, store: Any) -> None:
        self.write(store, NOW + 1, "new")
        late, live = DynamoGuard(NOW), DynamoGuard(NOW + 1)
        with pytest.raises(StaleTokenError) as refused, late.checked():
            store.delete_item(**late.delete_item(Key={"id": "7"}))
        assert (refused.value.token, refused.value.stored) == (NOW, NOW + 1)
        with live.checked():
            store.delete_item(**live.delete_item(Key={"id": "7"}))
        assert store.scan()["Items"] == []

    def test_an_update_of_the_tokens_own_attribute_is_refused_by_the_service(self, store: Any) -> None:
        request = {"UpdateExpression": "SET rota_token = :x", "ExpressionAttributeValues": {":x": 1}}
        guard = DynamoGuard(NOW)
        with pytest.raises(ClientError, match="overlap"), guard.checked():
            store.update_item(**guard.update_item(Key={"id": "7"}, **request))


class TestPutItem(OnDynamoDb):
    def write(self, store: Any, token: int, value: str) -> None:
        guard = DynamoGuard(token)
        read = store.get_item(Key={"id": "7"}).get("Item", {"id": "7"})
        with guard.checked():
            store.put_item(**guard.put_item(Item=read | {"value": value}))


class TestConditionObjects(OnDynamoDb):
    """`Attr(...)` of the resource in place of text."""

    def write(self, store: Any, token: int, value: str) -> None:
        guard = DynamoGuard(token)
        with guard.checked():
            store.put_item(
                **guard.put_item(Item={"id": "7", "value": value}, ConditionExpression=Attr("gone").not_exists())
            )
        with guard.checked():
            store.update_item(
                **guard.update_item(
                    Key={"id": "7"},
                    UpdateExpression="set #v = :v",
                    ConditionExpression=Attr("value").eq(value),
                    ExpressionAttributeNames={"#v": "value"},
                    ExpressionAttributeValues={":v": value},
                )
            )


class TestTypedTransaction(OnDynamoDb):
    """The client, with typed values: what stands beside a guarded write in a transaction is written with it or not."""

    def write(self, store: Any, token: int, value: str) -> None:
        guard = DynamoGuard(token, typed=True)
        client = boto3.client("dynamodb", endpoint_url=store.meta.client.meta.endpoint_url)
        fence = guard.update_item(TableName=store.name, Key={"id": {"S": "7"}})
        value_too = guard.update_item(
            TableName=store.name,
            Key={"id": {"S": "beside"}},
            UpdateExpression="SET #v = :v",
            ExpressionAttributeNames={"#v": "value"},
            ExpressionAttributeValues={":v": {"S": value}},
        )
        note = {"TableName": store.name, "Item": {"id": {"S": f"note {token}"}}}
        with guard.checked():
            client.transact_write_items(TransactItems=[{"Put": note}, {"Update": fence}, {"Update": value_too}])

    def read(self, store: Any) -> tuple[str, int]:
        value = store.get_item(Key={"id": "beside"}, ConsistentRead=True)["Item"]["value"]
        return value, int(store.get_item(Key={"id": "7"}, ConsistentRead=True)["Item"]["rota_token"])

    def test_nothing_of_a_refused_transaction_is_written(self, store: Any) -> None:
        self.write(store, NOW + 1, "new")
        with pytest.raises(StaleTokenError):
            self.write(store, NOW, "late")
        assert {item["id"] for item in store.scan()["Items"]} == {"7", "beside", f"note {NOW + 1}"}


class TestUpdateItemOnTheLocalAws(OnDynamoDb):
    @pytest.fixture
    def store(self, on_local_aws: None) -> Any:
        return make_table()


class TestTypedTransactionOnTheLocalAws(TestTypedTransaction):
    @pytest.fixture
    def store(self, on_local_aws: None) -> Any:
        return make_table()


class OnSql(FencingConformance):
    """A row that was there before the column of the token was."""

    before = (
        "CREATE TABLE things (id integer PRIMARY KEY, value text)",
        "INSERT INTO things (id, value) VALUES (7, 'before')",
        "ALTER TABLE things ADD COLUMN rota_token bigint NOT NULL DEFAULT 0",
    )

    def execute(self, store: Any, statement: str, parameters: dict[str, object] | None = None) -> Any:
        """With a cursor's `rowcount` and `fetchone`."""
        return store.execute(statement, parameters or {})

    def guard(self, token: int, **options: Any) -> SqlGuard:
        return SqlGuard(token, **options)

    def write(self, store: Any, token: int, value: str) -> None:
        guard = self.guard(token)
        value_there = ":value" if guard.paramstyle == "named" else "%(value)s"
        statement = f"UPDATE things SET value = {value_there}, {guard.assignment} WHERE id = 7 AND {guard.condition}"
        with self.transaction(store):
            guard.check(self.execute(store, statement, guard.parameters(value=value)).rowcount)

    def transaction(self, store: Any) -> Any:
        return store  # sqlite3's connection is one

    def read(self, store: Any) -> tuple[str, int]:
        value, token = self.execute(store, "SELECT value, rota_token FROM things WHERE id = 7").fetchone()
        return value, token

    def test_a_row_that_is_not_there_raises_and_the_error_says_that_it_may_be_that(self, store: Any) -> None:
        self.execute(store, "DELETE FROM things")
        with pytest.raises(StaleTokenError, match="there is no such row"):
            self.write(store, NOW, "value")


class Upserts(OnSql):
    """The row is made by the first write."""

    before = ("CREATE TABLE things (id integer PRIMARY KEY, value text, rota_token bigint NOT NULL DEFAULT 0)",)

    def write(self, store: Any, token: int, value: str) -> None:
        guard = self.guard(token, table="things")
        value_there = ":value" if guard.paramstyle == "named" else "%(value)s"
        token_there = value_there.replace("value", "rota_token")
        statement = f"""
            INSERT INTO things (id, value, rota_token) VALUES (7, {value_there}, {token_there})
            ON CONFLICT (id) DO UPDATE SET value = excluded.value, {guard.assignment} WHERE {guard.condition}
        """
        with self.transaction(store):
            guard.check(self.execute(store, statement, guard.parameters(value=value)).rowcount)

    def test_a_row_that_is_not_there_raises_and_the_error_says_that_it_may_be_that(self, store: Any) -> None:
        """There is none such: the row is made."""
        self.write(store, NOW, "value")
        assert self.read(store) == ("value", NOW)


class InSqlite(OnSql):
    @pytest.fixture
    def store(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(":memory:")) as connection:
            for statement in self.before:
                connection.execute(statement)
            yield connection


class InPostgreSql(OnSql):
    @pytest.fixture
    def store(self, postgresql: str) -> Iterator[psycopg.Connection]:
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS things")
            for statement in self.before:
                connection.execute(statement)
            yield connection

    def guard(self, token: int, **options: Any) -> SqlGuard:
        return SqlGuard(token, paramstyle=psycopg.paramstyle, **options)

    def transaction(self, store: psycopg.Connection) -> Any:
        return store.transaction()


class InSqlAlchemy(OnSql):
    """Its `text`, over PostgreSQL."""

    @pytest.fixture
    def store(self, postgresql: str) -> Iterator[sqlalchemy.Connection]:
        engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(postgresql))
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS things"))
            for statement in self.before:
                connection.execute(sqlalchemy.text(statement))
            connection.commit()
            yield connection
        engine.dispose()

    def transaction(self, store: sqlalchemy.Connection) -> Any:
        return store.begin_nested()

    def execute(self, store: Any, statement: str, parameters: dict[str, object] | None = None) -> Any:
        return store.execute(sqlalchemy.text(statement), parameters or {})


class TestUpdateInSqlite(InSqlite): ...


class TestUpsertInSqlite(InSqlite, Upserts): ...


class TestUpdateInSqlAlchemy(InSqlAlchemy): ...


class TestUpsertInSqlAlchemy(InSqlAlchemy, Upserts): ...


class TestUpsertInPostgreSql(InPostgreSql, Upserts): ...


class TestUpdateInPostgreSql(InPostgreSql):
    def test_the_stored_token_never_goes_down_whoever_writes_at_once(self, store: Any, postgresql: str) -> None:
        # The history is written under the lock of the row, so it is in the order of the writes.
        store.execute("DROP TABLE IF EXISTS history")
        store.execute("CREATE TABLE history (id serial, value text, before bigint, after bigint)")
        store.execute("""
            CREATE OR REPLACE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO history (value, before, after) VALUES (NEW.value, OLD.rota_token, NEW.rota_token);
                RETURN NEW;
            END $$
        """)
        store.execute("CREATE TRIGGER remember AFTER UPDATE ON things FOR EACH ROW EXECUTE FUNCTION remember()")
        accepted: list[int] = []
        refused: list[int] = []
        start = threading.Barrier(8)

        def write_all(tokens: list[int]) -> None:
            with psycopg.connect(postgresql, autocommit=True) as connection:
                start.wait(30)
                for token in tokens:
                    try:
                        self.write(connection, token, str(token))
                        accepted.append(token)
                    except StaleTokenError:
                        refused.append(token)

        tokens = [NOW + number for number in range(240)]
        random.Random(4).shuffle(tokens)
        writers = [threading.Thread(target=write_all, args=(tokens[number::8],)) for number in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        history = store.execute("SELECT value, before, after FROM history ORDER BY id").fetchall()
        assert [row for row in history if row[2] < row[1]] == []
        assert sorted(accepted) == [int(value) for value, _, _ in history]
        assert sorted(accepted + refused) == sorted(tokens)
        assert refused  # within a writer, each lower token after a higher one
        assert self.read(store) == (str(max(tokens)), max(tokens))


def make_table() -> Any:
    """A table with the string key `id`, wherever boto3 talks to."""
    return boto3.resource("dynamodb").create_table(
        TableName=f"things-{next(_serial)}",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
