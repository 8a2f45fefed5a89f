"""A process that is stopped before its write, and wakes up after another has written: real processes, real signals."""

import json
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from rota.testing.local_aws import LocalAws

WRITER = """
import json, sys
from rota.fencing import DynamoGuard, SqlGuard, StaleTokenError

def to_postgresql(place, token, balance, wait):
    import psycopg
    guard = SqlGuard(token, paramstyle="pyformat")
    with psycopg.connect(place) as connection:
        wait()
        cursor = connection.execute(
            f"UPDATE accounts SET balance = %(balance)s, {guard.assignment} WHERE id = 7 AND {guard.condition}",
            guard.parameters(balance=balance),
        )
        guard.check(cursor.rowcount)

def to_dynamodb(place, token, balance, wait):
    import boto3
    guard = DynamoGuard(token)
    table = boto3.resource("dynamodb").Table(place)
    wait()
    with guard.checked():
        table.update_item(**guard.update_item(
            Key={"id": "7"}, UpdateExpression="SET balance = :b", ExpressionAttributeValues={":b": balance}
        ))

def wait():
    print("about to write", flush=True)
    sys.stdin.readline()

store, *arguments = json.loads(sys.argv[1])
try:
    globals()["to_" + store](*arguments, wait)
    print("written", flush=True)
except StaleTokenError as error:
    print(f"refused: {error}", flush=True)
"""

EARLY, LATE = 1_795_226_400_000, 1_795_226_465_000


class Writer:
    """One process that writes `balance` to account 7 with `token`, once it is told to."""

    def __init__(self, environment: dict[str, str], *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, json.dumps(arguments)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.says() == "about to write"

    def says(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        """Stopped, and seen to be."""
        self.process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Zombie(ABC):
    store: str

    @pytest.fixture
    def place(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def balance(self, place: str) -> int: ...

    @pytest.fixture
    def writers(self, place: str, environment: dict[str, str]) -> Iterator[Any]:
        started: list[Writer] = []

        def start(token: int, balance: int) -> Writer:
            started.append(Writer(environment, self.store, place, token, balance))
            return started[-1]

        yield start
        for writer in started:
            writer.end()

    def test_the_late_write_of_a_paused_zombie_is_refused(self, place: str, writers: Any) -> None:
        zombie = writers(EARLY, 1)
        zombie.stop()
        zombie.go()  # what it does first when it wakes up
        successor = writers(LATE, 2)
        successor.go()
        assert successor.says() == "written"
        zombie.wake()
        said = zombie.says()
        assert said.startswith("refused: ")
        assert f"token {EARLY}" in said
        assert self.balance(place) == 2

    def test_a_paused_process_that_nobody_followed_writes(self, place: str, writers: Any) -> None:
        paused = writers(EARLY, 1)
        paused.stop()
        paused.go()
        paused.wake()
        assert paused.says() == "written"
        assert self.balance(place) == 1


class TestPostgreSql(Zombie):
    store = "postgresql"

    @pytest.fixture
    def place(self, postgresql: str) -> str:
        with psycopg.connect(postgresql) as connection:
            connection.execute("DROP TABLE IF EXISTS accounts")
            connection.execute(
                "CREATE TABLE accounts (id integer, balance integer, rota_token bigint DEFAULT 0 NOT NULL)"
            )
            connection.execute("INSERT INTO accounts (id, balance) VALUES (7, 0)")
        return postgresql

    def balance(self, place: str) -> int:
        with closing(psycopg.connect(place)) as connection:
            (balance,) = connection.execute("SELECT balance FROM accounts").fetchone() or (None,)
        assert isinstance(balance, int)
        return balance


class TestDynamoDb(Zombie):
    store = "dynamodb"

    @pytest.fixture
    def environment(self, local_aws: LocalAws) -> dict[str, str]:
        return dict(local_aws.environment)

    @pytest.fixture
    def place(self, local_aws: LocalAws) -> Iterator[str]:
        self.client = local_aws.client("dynamodb")
        self.client.create_table(
            TableName="accounts",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield "accounts"
        self.client.delete_table(TableName="accounts")

    def balance(self, place: str) -> int:
        return int(self.client.get_item(TableName=place, Key={"id": {"S": "7"}})["Item"]["balance"]["N"])
