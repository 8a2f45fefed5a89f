"""Documents in a DynamoDB table with the string keys `pk` and `sk`, by boto3.

Conditions that fail give back the item (ReturnValuesOnConditionCheckFailure), which saves a read:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

import random
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from rota.clock import Clock, SystemClock
from rota.errors import BackendError, LedgerError
from rota.stores.base import ConflictError, Document, Key, Page, RefusedError, Write, already_done, conflicts

TRIES = 5
"""Tries of a write that meets transactions of others."""

CLOSE = 4.0
"""How far apart the bounds of the server's time may be, in seconds, for it to be told: it is then at most half of that
off, and that of two servers less apart than `rota.leases.MARGIN`."""

_CONFLICTS = ("ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException")
_AT_ONCE = {"None", "ConditionalCheckFailed", "TransactionConflict"}
"""Reasons for which a transaction is cancelled that mean: another write came first.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
_FOR_GOOD = {"ValidationException", "SerializationException", "ValidationError"}
"""Errors, and the last one a reason, that the same request meets each time: a key is empty, an item too large.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""


class ServerTime:
    """The server's time on this machine's monotonic clock, learnt from the `Date` header of its answers.

    A header is a second coarse and was written between request and answer, so each narrows the offset down from both
    sides. What contradicts the rest (a clock that was set, a machine that slept) begins it anew.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._bounds: tuple[float, float] | None = None

    @property
    def known(self) -> bool:
        """Whether answers came fast enough to tell the time to within half of `CLOSE`."""
        return self._bounds is not None and self._bounds[1] - self._bounds[0] <= CLOSE

    def learn(self, date: str | None, asked_at: float) -> None:
        """Take in an answer's header; `asked_at` is when it was asked for, on the monotonic clock."""
        answered_at = self._clock.monotonic()
        try:
            told = parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError):
            return
        least, most = told - answered_at, told + 1 - asked_at
        before, after = self._bounds or (least, most)
        agrees = least <= after and most >= before
        self._bounds = (max(least, before), min(most, after)) if agrees else (least, most)

    def now(self) -> float:
        """The server's time, in seconds since 1970. Raises `LedgerError` where it is not known."""
        if self._bounds is None:
            raise LedgerError("the database's answers have no Date header, so its time is not known")
        if not self.known:
            raise LedgerError("the database answers too slowly to tell its time")
        return self._clock.monotonic() + sum(self._bounds) / 2


class DynamoDBStore:
    """One table. `client` is a boto3 DynamoDB client (boto3 has no types of its own, hence Any)."""

    def __init__(self, client: Any, table: str, *, clock: Clock | None = None) -> None:
        self._client, self._table = client, table
        self._clock = clock or SystemClock()
        self._time = ServerTime(self._clock)

    def now(self) -> float:
        for _ in range(3):
            if not self._time.known:
                self.get(Key("time"))
        return self._time.now()

    def get(self, key: Key) -> Document | None:
        answer = self._ask("get_item", Key=_key(key), ConsistentRead=True)
        return _document(answer["Item"]) if "Item" in answer else None

    def write(self, writes: Sequence[Write]) -> None:
        for _ in range(TRIES):
            try:
                self._write(writes)
                return
            except ClientError as error:
                current = self._current(error, writes)
                if already_done(current, writes):
                    return
                if conflicts(current, writes):
                    raise ConflictError(current) from error
            # Nothing stands in the way any more: two transactions met, and the other was cancelled too.
            time.sleep(random.uniform(0, 0.1))
        raise LedgerError(f"table {self._table}: transactions on {writes[0].key.partition!r} keep meeting each other")

    def _write(self, writes: Sequence[Write]) -> None:
        puts = [self._put(write) for write in writes]
        if len(puts) == 1:
            self._ask("put_item", conflicts=True, **puts[0])
        else:
            self._ask("transact_write_items", conflicts=True, TransactItems=[{"Put": put} for put in puts])

    def _put(self, write: Write) -> dict[str, Any]:
        item = dict(write.body) | {"version": write.version, "ttl": int(write.keep_until)}
        put = {
            "TableName": self._table,
            "Item": _key(write.key) | _SERIALIZER.serialize(item)["M"],
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if write.expects is None:
            return put | {"ConditionExpression": "attribute_not_exists(pk)"}
        return put | {
            "ConditionExpression": "#version = :expects",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":expects": {"S": write.expects}},
        }

    def _current(self, error: ClientError, writes: Sequence[Write]) -> list[Document | None]:
        """What stands at the keys of refused writes."""
        if len(writes) == 1 and "Item" in error.response:
            return [_document(error.response["Item"])]
        reasons = error.response.get("CancellationReasons", [])
        if reasons and not {reason.get("Code") for reason in reasons} <= _AT_ONCE:
            raise self._unanswered("transact_write_items", error) from error
        return [self.get(write.key) for write in writes]

    def list(self, partition: str, *, limit: int, after: str | None = None) -> Page:
        start: dict[str, Any] = {} if after is None else {"ExclusiveStartKey": _key(Key(partition, after))}
        answer = self._ask(
            "query",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        last = answer.get("LastEvaluatedKey")
        return Page([_document(item) for item in answer["Items"]], last["sk"]["S"] if last else None)

    def _ask(self, operation: str, *, conflicts: bool = False, **arguments: Any) -> Any:
        if operation != "transact_write_items":
            arguments["TableName"] = self._table
        asked_at = self._clock.monotonic()
        try:
            answer = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            self._learn(error.response, asked_at)
            if conflicts and error.response.get("Error", {}).get("Code") in _CONFLICTS:
                raise
            raise self._unanswered(operation, error) from error
        except BotoCoreError as error:
            raise self._unanswered(operation, error) from error
        self._learn(answer, asked_at)
        return answer

    def _learn(self, answer: Mapping[str, Any], asked_at: float) -> None:
        metadata = answer.get("ResponseMetadata", {})
        # The answer to a request that was tried again was asked for later than the first try; so its offset is only
        # less narrow.
        self._time.learn(metadata.get("HTTPHeaders", {}).get("date"), asked_at)

    def _unanswered(self, operation: str, error: Exception) -> BackendError:
        kind = RefusedError if _is_for_good(error) else LedgerError
        return kind(f"table {self._table} did not {operation}: {error}")


def _is_for_good(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return isinstance(error, ParamValidationError)
    reasons = error.response.get("CancellationReasons", [])
    codes = {error.response.get("Error", {}).get("Code"), *(reason.get("Code") for reason in reasons)}
    return not codes.isdisjoint(_FOR_GOOD)


_SERIALIZER, _DESERIALIZER = TypeSerializer(), TypeDeserializer()


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key.partition}, "sk": {"S": key.sort}}


def _document(item: Mapping[str, Any]) -> Document:
    read = _plain(_DESERIALIZER.deserialize({"M": item}))
    key = Key(read.pop("pk"), read.pop("sk"))
    read.pop("ttl", None)
    return Document(key=key, version=read.pop("version"), body=read)


def _plain(value: Any) -> Any:
    """boto3 gives numbers as Decimals."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
