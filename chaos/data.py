"""The application's data, which the fencing token guards: one item a key, written around the proxy."""

from typing import Any

from rota.fencing import DynamoGuard, StaleTokenError
from rota.testing.local_aws.environment import new_client

TABLE = "chaos-data"


class Data:
    """The table, by a client of its own. Safe to share among threads."""

    def __init__(self, endpoint_url: str) -> None:
        self._client = new_client("dynamodb", endpoint_url)

    def create(self) -> None:
        """Make the table."""
        self._client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def write(self, key: str, *, token: int | None, call: str) -> bool:
        """Write with a token; False where a later one has written. The item remembers all accepted writes, in the
        order in which the database took them."""
        guard = DynamoGuard(token, typed=True)
        one = {"M": {"token": {"N": str(token)}, "call": {"S": call}}}
        request = guard.update_item(
            TableName=TABLE,
            Key={"key": {"S": key}},
            UpdateExpression="SET #writes = list_append(if_not_exists(#writes, :none), :one)",
            ExpressionAttributeNames={"#writes": "writes"},
            ExpressionAttributeValues={":none": {"L": []}, ":one": {"L": [one]}},
        )
        try:
            with guard.checked():
                self._client.update_item(**request)
        except StaleTokenError:
            return False
        return True

    def writes(self) -> dict[str, list[tuple[int, str]]]:
        """Token and call of the accepted writes, in their order, by key."""
        items: list[dict[str, Any]] = []
        for page in self._client.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True):
            items += page["Items"]
        return {
            item["key"]["S"]: [(int(one["M"]["token"]["N"]), one["M"]["call"]["S"]) for one in item["writes"]["L"]]
            for item in items
        }
