"""Guards for DynamoDB: keyword arguments for boto3, of the resource and of the client. boto3 is not imported for it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any

from rota.fencing.checks import require_name, require_token
from rota.fencing.errors import FencingError, StaleTokenError

_SET = re.compile(r"(?<![\w#:.])SET(?!\w)", re.IGNORECASE)
_LEGACY = ("AttributeUpdates", "ConditionalOperator", "Expected")


@dataclass(frozen=True)
class DynamoGuard:
    """Guards writes with a fencing token, in an attribute of the items that they write.

        guard = DynamoGuard(run.token)
        with guard.checked():
            table.update_item(**guard.update_item(Key={"id": "7"}, UpdateExpression="SET balance = :b", ...))

    Each method takes the request as you would send it, and gives it back with the condition `the attribute is not there
    or at most the token` joined to yours by AND, and with the token to be stored. An item without the attribute passes,
    and so do a higher token and the same one.

    `FencingError` where `token` is None, where the attribute is no plain identifier, or where request and guard clash.
    """

    token: int | None
    """`run.token`, or a lease's."""
    _: KW_ONLY
    attribute: str = "rota_token"
    """The attribute that keeps the token of the last write; with `#` and `:` before it, the placeholders."""
    typed: bool = False
    """Whether values are written `{"N": "5"}`, as `boto3.client` wants them; False for `boto3.resource`."""

    def __post_init__(self) -> None:
        require_token(self.token)
        require_name("attribute", self.attribute)

    def update_item(self, /, **request: Any) -> dict[str, Any]:
        """The arguments of `update_item`, or of an `Update` of `transact_write_items`."""
        expression = request.get("UpdateExpression", "")
        assignment = f"#{self.attribute} = :{self.attribute}"
        if _SET.search(expression):
            expression = _SET.sub(f"SET {assignment},", expression, count=1)
        else:
            expression = f"SET {assignment} {expression}".rstrip()
        return self._guarded({**request, "UpdateExpression": expression}, names=True)

    def put_item(self, /, **request: Any) -> dict[str, Any]:
        """The arguments of `put_item`, or of a `Put` of `transact_write_items`. A token that was read with the item is
        written over."""
        if not isinstance(request.get("Item"), Mapping):
            raise FencingError(f"put_item takes Item=, the item to be written; got {request.get('Item')!r}")
        return self._guarded({**request, "Item": {**request["Item"], self.attribute: self._value}})

    def delete_item(self, /, **request: Any) -> dict[str, Any]:
        """The arguments of `delete_item`, or of a `Delete` of `transact_write_items`. With the item its token goes: a
        later stale `put_item` passes. Where that matters, keep the item and mark it."""
        return self._guarded(request)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Raises `StaleTokenError` in place of the ClientError by which DynamoDB refuses a stale write in the block. A
        failure of your own condition, and any other error, is raised as it is."""
        try:
            yield
        except Exception as error:
            token = require_token(self.token)
            stored = max(self._stored(error), default=0)
            if stored <= token:
                raise
            raise StaleTokenError.of(
                token,
                f"DynamoDB refused a write with fencing token {token}: {self.attribute} {stored} has written there "
                "since. This run must stop: another server runs it now",
                stored=stored,
            ) from error

    @property
    def _value(self) -> Any:
        return {"N": str(self.token)} if self.typed else self.token

    def _guarded(self, request: dict[str, Any], *, names: bool = False) -> dict[str, Any]:
        """The request with the condition. `names`: an expression of it uses both placeholders, the condition apart."""
        for legacy in _LEGACY:
            if legacy in request:
                raise FencingError(f"{legacy} cannot stand beside a guard's expressions: write it as an expression")
        # What is stored tells a stale token from a condition of yours; it costs nothing.
        guarded = {**request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        theirs = request.get("ConditionExpression")
        ours = f"(attribute_not_exists(#{self.attribute}) OR #{self.attribute} <= :{self.attribute})"
        if theirs is None or isinstance(theirs, str):
            guarded["ConditionExpression"] = f"({theirs}) AND {ours}" if theirs else ours
            names = True
        else:
            # A condition object of the resource's. boto3 makes the placeholders of those, and refuses unused ones.
            from boto3.dynamodb.conditions import Attr

            attribute = Attr(self.attribute)
            guarded["ConditionExpression"] = theirs & (attribute.not_exists() | attribute.lte(self.token))
        if names:
            self._add(guarded, "ExpressionAttributeNames", f"#{self.attribute}", self.attribute)
            self._add(guarded, "ExpressionAttributeValues", f":{self.attribute}", self._value)
        return guarded

    def _add(self, request: dict[str, Any], argument: str, placeholder: str, value: Any) -> None:
        yours = request.get(argument, {})
        if placeholder in yours:
            raise FencingError(
                f"{argument} has {placeholder!r}, which is the guard's own: rename yours, or its with attribute="
            )
        request[argument] = {**yours, placeholder: value}

    def _stored(self, error: Exception) -> Iterator[int]:
        """The tokens of the items at which conditions failed, as the error's answer has them."""
        answer = getattr(error, "response", None)
        if not isinstance(answer, Mapping):
            return
        for refused in (answer, *answer.get("CancellationReasons", ())):
            # The client and the resource both give typed values here.
            token = refused.get("Item", {}).get(self.attribute)
            if isinstance(token, Mapping) and "N" in token:
                yield int(token["N"])
