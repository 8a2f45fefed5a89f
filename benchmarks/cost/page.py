"""docs/cost.md, made of what was counted, of list prices, and for Celery of what the benchmark counted."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.cost import prices

KINDS = {
    "scheduled": ("an occurrence of a schedule", 1),
    "locked": ("an occurrence of a job with `lock=`", 2),
    "enqueued": ("an enqueued run", 0),
    "unique": ("an enqueued run of a job with `unique=`", 2),
}
"""What each kind is, and how many items it leaves in the ledger."""
ONE, MANY = "one_at_a_time", "backlog"
WAYS = {ONE: "one at a time", MANY: "backlog"}
UNITS = ("write", "read")
_X = "\N{MULTIPLICATION SIGN}"

Run = Mapping[str, Any]
"""What one run takes: requests of SQS and DynamoDB by action, units."""


def render(counted: Mapping[str, Any], bench: Mapping[str, Any]) -> str:
    """The page. `bench` is benchmarks/results.json."""
    return "\n".join(_lines(counted, bench)) + "\n"


def requests(run: Run) -> float:
    """Of SQS."""
    return float(sum(run["sqs"].values()))


def ledger(run: Run, items: int = 0) -> float:
    """Dollars for the ledger's part of a million such runs, with `items` records each kept as long as it keeps them."""
    writes, reads = (run["units"].get(unit, 0) for unit in UNITS)
    return float(writes * prices.DYNAMODB_WRITE + reads * prices.DYNAMODB_READ + kept(run, items))


def dollars(run: Run, items: int = 0) -> float:
    """The same with SQS."""
    return requests(run) * prices.SQS + ledger(run, items)


def kept(run: Run, items: int) -> float:
    """Dollars for keeping the records of a million runs."""
    gigabytes = (run.get("stored_bytes", 0) + items * prices.ITEM_OVERHEAD) * prices.MILLION / 1e9
    months = prices.DAYS_KEPT / prices.DAYS_A_MONTH
    return float(gigabytes * months * (prices.DYNAMODB_STORAGE + prices.DYNAMODB_RECOVERY))


def _lines(counted: Mapping[str, Any], bench: Mapping[str, Any]) -> Iterator[str]:
    yield "# What runs cost at AWS"
    yield ""
    yield "<!-- Written by `make cost`; do not edit. tests/integration/test_cost.py counts again. -->"
    yield from _paragraph(
        "Counted, not timed: every request of a real `rota worker` and a real client to the local AWS, retries "
        "included. What AWS bills for them follows from its rules: a request of SQS for each 64 KB, a write unit of "
        "DynamoDB for each KB of an item (two in a transaction), a read unit for each 4 KB. Payloads are small, "
        "handlers return at once."
    )
    yield from _paragraph(
        f"Dollars are list prices of {prices.REGION} as known on {prices.KNOWN_AT}, without free tiers; check the "
        "pages named [below](#prices). Servers are not in them: rota runs in those you have."
    )
    yield from _runs(counted)
    yield from _idle(counted, bench)
    yield from _minutes(counted)
    yield from _beside(counted, bench)
    yield from _prices()


def _runs(counted: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## A run")
    yield from _paragraph(
        "From sending to deleting. *One at a time* is the dearest: each run has a send, a receive and a delete of its "
        f"own. *Backlog*: {counted[MANY]['scheduled']['runs']} runs are there when the worker comes, and ten share a "
        "request; but what EventBridge sends comes one by one."
    )
    rows = [
        [what if way == ONE else "", title, *_cells(counted[way][name], items)]
        for name, (what, items) in KINDS.items()
        for way, title in WAYS.items()
    ]
    yield from _table(["", "", "SQS requests", "write units", "read units", "$ for a million"], rows)
    found = {name: {action: _number(n) for action, n in counted[ONE][name]["dynamodb"].items()} for name in KINDS}
    scheduled, locked, unique = found["scheduled"], found["locked"], found["unique"]
    once = counted[ONE]["scheduled"]
    yield ""
    yield from _point(f"An occurrence takes {scheduled['PutItem']} writes, its claim and its completion, and no read.")
    yield from _point(
        f"With a lock, each of these is a transaction ({locked['TransactWriteItems']}) that writes the run and the "
        f"lock, after a read of the lock ({locked['GetItem']})."
    )
    yield from _point(
        f"With a unique key, the claim is a transaction ({unique['TransactWriteItems']}) that writes the run and the "
        f"key, after a read of the key ({unique['GetItem']}); the completion is a write ({unique['PutItem']})."
    )
    yield from _point("Plain enqueued runs ask nothing of DynamoDB.")
    yield from _point(
        f"In the dollars are {prices.DAYS_KEPT} days of keeping the records, with point-in-time recovery: an "
        f"occurrence leaves {once['stored_bytes']} bytes, ${kept(once, 1):.2f} for a million. Each run counted with a "
        "lock has one of its own; runs that share one leave less."
    )
    yield from _point(
        "A worker asks DynamoDB for its time when it starts, up to once a thread; in the backlogs that is spread over "
        "the runs."
    )


def _cells(run: Run, items: int = 0) -> list[str]:
    units = (_number(run["units"].get(unit, 0)) for unit in UNITS)
    return [_number(requests(run)), *units, f"{dollars(run, items):.2f}"]


def _idle(counted: Mapping[str, Any], bench: Mapping[str, Any]) -> Iterator[str]:
    idle, celery = counted["idle"], bench["idle"]["celery_threads"]["receives_min"] * 60
    hour = idle["receives_an_hour"]
    yield from ("", "## An idle hour")
    yield from _paragraph(
        f"Where nothing comes, a worker process asks each of its queues {hour} times an hour, and makes "
        f"{idle['other_requests']} other requests: extrapolated from {idle['receives']} polls in {idle['seconds']} s. "
        f"That is ${_month(hour):.2f} a month for a queue and process; for Celery's {celery:.0f}, as `make bench` "
        f"counts them, ${_month(celery):.2f}."
    )


def _month(receives_an_hour: float) -> float:
    return receives_an_hour * prices.HOURS_A_MONTH * prices.SQS / prices.MILLION


def _minutes(counted: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## A minute of a long run")
    yield from _paragraph(
        "A run that lasts renews its lease, and the visibility of its message. A run of a minute takes so much more "
        "than the above, with the default visibility timeout of 60 s:"
    )
    minute = counted["minute"]
    rows = [["an occurrence", *_cells(minute["scheduled"])], ["with a lock", *_cells(minute["locked"])]]
    yield from _table(["", "SQS requests", "write units", "read units", "$ for a million"], rows)


def _beside(counted: Mapping[str, Any], bench: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## Beside others")
    yield from _table(["a million runs", "", "$"], [*_ours(counted), *_celery(bench), *_lambda()])
    yield ""
    yield from _point(
        f"Celery's requests are those that `make bench` counted ({bench['measured']['throughput']}, 8 threads, jobs of "
        "10 ms in a backlog); its `delay()` sends one by one. It keeps no record of runs, and a process of its own "
        "fires its schedules: what it does is what rota's enqueued runs do."
    )
    yield from _point("Lambda's price has the computing in it, which rota's has not.")


def _ours(counted: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, what in (("enqueued", "enqueued"), ("scheduled", "a rule fires")):
        items = KINDS[name][1]
        for way, title in WAYS.items():
            run = counted[way][name]
            sums = f"{_number(requests(run))} {_X} ${prices.SQS:.2f}"
            if items:
                sums += f" + ${ledger(run, items):.2f} for the ledger + ${prices.RULE:.2f} for the rule"
            yield [f"rota, {what}, {title}", sums, f"{dollars(run, items) + (prices.RULE if items else 0):.2f}"]
    fired = dollars(counted[ONE]["scheduled"], 1)
    sums = f"${fired:.2f} + ${prices.SCHEDULER:.2f} for EventBridge Scheduler"
    yield ["rota, a schedule fires, one at a time", sums, f"{fired + prices.SCHEDULER:.2f}"]


def _celery(bench: Mapping[str, Any]) -> Iterator[list[str]]:
    (calls,) = (
        row["calls_job"]
        for row in bench["throughput"]
        if (row["contender"], row["threads"], row["ms"]) == ("celery_threads", 8, 10)
    )
    sums = f"a send, a receive and a delete: 3 {_X} ${prices.SQS:.2f}"
    yield ["Celery on SQS, one at a time", sums, f"{3 * prices.SQS:.2f}"]
    total = 1 + calls["all"]
    sums = f"a send and {calls['all']:.2f} of the worker: {total:.2f} {_X} ${prices.SQS:.2f}"
    yield ["Celery on SQS, backlog", sums, f"{total * prices.SQS:.2f}"]


def _lambda() -> Iterator[list[str]]:
    for seconds, memory in ((0.1, 128), (1.0, 512)):
        duration = seconds * memory / 1024 * prices.LAMBDA_GB_SECOND * prices.MILLION
        sums = f"${prices.SCHEDULER:.2f} + ${prices.LAMBDA:.2f} + ${duration:.2f} for {seconds * memory / 1024:g} GB-s"
        what = f"EventBridge Scheduler to Lambda, {seconds:g} s with {memory} MB"
        yield [what, sums, f"{prices.SCHEDULER + prices.LAMBDA + duration:.2f}"]


def _prices() -> Iterator[str]:
    rows = [
        ["SQS, a million requests to a standard queue", f"{prices.SQS:.2f}"],
        ["DynamoDB on demand, a million write request units", f"{prices.DYNAMODB_WRITE}"],
        ["DynamoDB on demand, a million read request units", f"{prices.DYNAMODB_READ}"],
        ["DynamoDB, a GB for a month", f"{prices.DYNAMODB_STORAGE:.2f}"],
        ["DynamoDB, point-in-time recovery of a GB for a month", f"{prices.DYNAMODB_RECOVERY:.2f}"],
        ["EventBridge, a million firings of scheduled rules", f"{prices.RULE:.2f}"],
        ["EventBridge Scheduler, a million invocations", f"{prices.SCHEDULER:.2f}"],
        ["Lambda, a million requests", f"{prices.LAMBDA:.2f}"],
        ["Lambda, a million GB-s (x86)", f"{prices.LAMBDA_GB_SECOND * prices.MILLION:.2f}"],
    ]
    yield from ("", "## Prices")
    yield from _table([f"list price, {prices.REGION}, as known on {prices.KNOWN_AT}", "$"], rows)
    pages = ", ".join(f"[{name}]({url})" for name, url in prices.PAGES.items())
    yield from _paragraph(
        f"They change; check {pages}. Not in here: logs, alarms, data transfer, retries and dead letters."
    )


def _number(amount: float) -> str:
    """To two digits behind the point, none where there are none."""
    return f"{amount:.2f}".rstrip("0").rstrip(".")


def _paragraph(text: str) -> Iterator[str]:
    yield ""
    yield from textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def _point(text: str) -> Iterator[str]:
    yield from textwrap.wrap(f"- {text}", 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    for cells in (header, ["---"] * len(header), *rows):
        yield f"| {' | '.join(cells)} |"
