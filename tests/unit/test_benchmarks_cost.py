"""docs/cost.md: the numbers are those counted, units and dollars follow the rules of AWS."""

import json

import pytest
from benchmarks.cost.__main__ import BENCH, COUNTED, PAGE
from benchmarks.cost.page import dollars, render
from benchmarks.cost.units import Table, item_size, sqs_requests


def test_the_page_says_what_was_counted() -> None:
    counted, bench = (json.loads(path.read_text(encoding="utf-8")) for path in (COUNTED, BENCH))
    assert PAGE.read_text(encoding="utf-8") == render(counted, bench), "type: python -m benchmarks.cost --render"


def test_dollars_follow_from_list_prices() -> None:
    run = {"sqs": {"SendMessage": 1, "ReceiveMessage": 1, "DeleteMessageBatch": 1}, "units": {"write": 2, "read": 4}}
    assert dollars(run) == pytest.approx(3 * 0.40 + 2 * 0.625 + 4 * 0.125)
    month = {"sqs": {}, "units": {}, "stored_bytes": 900}
    assert dollars(month, items=1) == pytest.approx(1.0 * 45 / (365 / 12) * 0.45)


def test_sizes_and_units_follow_the_rules_of_aws() -> None:
    # The developer guide's rules, by hand: names and values, 3 for a list or map, 1 for each element of it.
    assert item_size({"pk": {"S": "äb"}, "n": {"N": "-1200"}, "l": {"L": [{"S": "x"}, {"BOOL": True}]}}) == 5 + 3 + 8
    assert [sqs_requests(size, 0) for size in (0, 65_536, 65_537)] == [1, 1, 2]
    table = Table()
    big = {"pk": {"S": "a"}, "sk": {"S": "-"}, "text": {"S": "x" * 1024}}
    small = {"pk": {"S": "a"}, "sk": {"S": "-"}}
    table.request("PutItem", {"Item": big}, {}, ok=True)  # 2: over a KB
    table.request("PutItem", {"Item": small}, {}, ok=False)  # 2: refused by what stands there
    table.request("PutItem", {"Item": small}, {}, ok=True)  # 2: what it replaces counts
    table.request("TransactWriteItems", {"TransactItems": [{"Put": {"Item": small}}]}, {}, ok=True)  # 2: 1, doubled
    table.request("GetItem", {"ConsistentRead": True}, {"Item": big}, ok=True)
    assert table.units == {"write": 8, "read": 1}
    with pytest.raises(ValueError, match="no rule here for what Scan is billed"):
        table.request("Scan", {}, {}, ok=True)
