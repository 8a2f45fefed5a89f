"""What AWS bills for a request, after its own rules.

Sizes of items: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
Units: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
Requests of SQS: https://aws.amazon.com/sqs/pricing/
"""

import base64
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHUNK = 64 * 1024
"""Bytes of payload for which SQS bills one request."""
WRITE_UNIT, READ_UNIT = 1024, 4096
"""Bytes of an item for which DynamoDB bills one write unit, or one strongly consistent read unit."""

Item = Mapping[str, Mapping[str, Any]]
"""An item as it stands on the wire: {"pk": {"S": "..."}}."""


def sqs_requests(asked: int, answered: int) -> int:
    """Requests billed for one with bodies of so many bytes; a whole body stands for the payload in it."""
    return max(1, math.ceil(max(asked, answered) / CHUNK))


def item_size(item: Item) -> int:
    """Bytes of an item."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            digits = value.lstrip("-").replace(".", "").strip("0")
            return math.ceil(len(digits) / 2) + 1
        case "B":
            return len(base64.b64decode(value))
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(one) for one in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(one) for name, one in value.items())
    raise ValueError(f"no rule here for the size of a {kind}")


@dataclass
class Table:
    """The items of a table as its requests have left them, and what those requests were billed."""

    items: dict[tuple[str, ...], Item] = field(default_factory=dict)
    units: Counter[str] = field(default_factory=Counter)
    """Units billed, "write" and "read"."""

    def request(self, action: str, asked: Mapping[str, Any], answer: Mapping[str, Any], *, ok: bool) -> None:
        """Take in one request. Raises `ValueError` for one that no rule here covers.

        A write whose condition fails, or that is cancelled with its transaction, is billed all the same.
        """
        if action == "PutItem":
            self._put(asked["Item"], ok=ok, times=1)
        elif action == "TransactWriteItems":
            for one in asked["TransactItems"]:
                self._put(one["Put"]["Item"], ok=ok, times=2)
        elif action == "GetItem":
            self._read(item_size(answer.get("Item", {})), consistent=asked.get("ConsistentRead", False))
        else:
            raise ValueError(f"no rule here for what {action} is billed")

    def _put(self, item: Item, *, ok: bool, times: int) -> None:
        key = (item["pk"]["S"], item["sk"]["S"])
        # Billed is the larger of what stood there and what is written; only the former where the condition fails.
        sizes = [item_size(self.items.get(key, {})), item_size(item) if ok or times == 2 else 0]
        self.units["write"] += times * max(1, math.ceil(max(sizes) / WRITE_UNIT))
        if ok:
            self.items[key] = item

    def _read(self, size: int, *, consistent: bool) -> None:
        if not consistent:
            raise ValueError("no rule here for half a unit: the ledger reads consistently, but for lists")
        self.units["read"] += max(1, math.ceil(size / READ_UNIT))

    def sizes(self) -> list[int]:
        """Bytes of each item that is there now."""
        return list(map(item_size, self.items.values()))
