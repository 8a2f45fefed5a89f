"""What a trigger as a whole must be, as tables like those of `rota_cdk.validation`."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rota.manifest import Job
from rota.targets import Endpoint
from rota.trigger.config import VARIABLE
from rota_cdk.endpoints import AlbEndpoint, Place
from rota_cdk.validation import Limit

MAX_ENVIRONMENT = 4096
"""Bytes of all names and values in a function's environment.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
MIN_CONCURRENCY, MAX_CONCURRENCY = 2, 1000
"""Calls at once that a queue can be told to make. Without that it makes more than the function takes, and messages of
calls that are refused count as received. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
LONGEST = 150
"""Characters that an ARN, a URL or a DNS name in it may come to."""

_TOKEN = re.compile(r"\$\{Token\[[^\]]+\]\}")


def _size(config: str) -> int:
    return len(VARIABLE) + len(_TOKEN.sub("x" * LONGEST, config).encode())


CONCURRENCY: Sequence[Limit[object]] = (
    Limit(
        lambda count: count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1),
        lambda count: (
            f"reserved_concurrency must be a number, {MIN_CONCURRENCY} or more, or None for no limit; got {count!r}"
        ),
    ),
    Limit(
        lambda count: count == 1 and count is not True,
        lambda _: (
            f"reserved_concurrency is 1, and a queue asks its function for {MIN_CONCURRENCY} calls at the least, "
            f"one of which would be refused each time; give {MIN_CONCURRENCY}, or leave it out"
        ),
    ),
)

ENDPOINTS: Sequence[Limit[list[str]]] = (
    Limit(lambda names: not names, lambda _: 'it has no endpoints; give endpoints={"web": AlbEndpoint(listener)}'),
    Limit(
        lambda names: len(set(names)) < len(names),
        lambda names: (
            f"endpoint {Counter(names).most_common(1)[0][0]!r} is given by its name and by its "
            "declaration; once is enough"
        ),
    ),
)

CONFIG: Sequence[Limit[list[str]]] = (
    Limit(
        lambda config: _size(config[0]) > MAX_ENVIRONMENT,
        lambda config: (
            f"what it has to know of its endpoints comes to about {_size(config[0])} bytes, and the environment of a "
            f"Lambda takes {MAX_ENVIRONMENT}; split the manifest in two, each with a trigger of its own"
        ),
    ),
)
"""Of the configuration, in a list: a text with Tokens in it is measured here too."""

PRIORITIES: Sequence[Limit[Mapping[str, Place]]] = (
    Limit(
        lambda places: bool(_same_rule(places)),
        lambda places: (
            f"endpoints {' and '.join(map(repr, _same_rule(places)))} have one listener and one priority; "
            "give each its own"
        ),
    ),
)


def _same_rule(places: Mapping[str, Place]) -> list[str]:
    rules: dict[tuple[str, int], list[str]] = {}
    for name, place in places.items():
        if isinstance(place, AlbEndpoint) and place.priority is not None:
            rules.setdefault((place.listener.node.path, place.priority), []).append(name)
    return next((names for names in rules.values() if len(names) > 1), [])


APART: Sequence[Limit[Sequence[tuple[Endpoint, Place]]]] = (
    Limit(
        lambda declared: bool(_same_requests(declared)),
        lambda declared: (
            f"endpoints {' and '.join(map(repr, _same_requests(declared)))} have one listener, host and path, so that "
            "nothing tells their requests apart; give each a path= or a host= of its own"
        ),
    ),
)
"""Of the endpoints and their places."""


def _same_requests(declared: Sequence[tuple[Endpoint, Place]]) -> list[str]:
    asked: dict[tuple[str, str | None, str], list[str]] = {}
    for endpoint, place in declared:
        if isinstance(place, AlbEndpoint):
            asked.setdefault((place.listener.node.path, place.host, endpoint.path), []).append(endpoint.name)
    return next((names for names in asked.values() if len(names) > 1), [])


JOB: Sequence[Limit[tuple[Job[Any], Mapping[str, Endpoint]]]] = (
    Limit(
        lambda given: not given[0].endpoints,
        lambda given: (
            f"its target is the queue {given[0].queue.name!r}, and a trigger posts to endpoints; give queue=, the "
            f"JobQueue made of {given[0].queue!r}, and not trigger="
        ),
    ),
    Limit(
        lambda given: any(endpoint.name not in given[1] for endpoint in given[0].endpoints),
        lambda given: (
            "the trigger does not know its "
            + " and ".join(
                f"endpoint {endpoint.name!r}" for endpoint in given[0].endpoints if endpoint.name not in given[1]
            )
            + f", but {', '.join(map(repr, given[1]))}; add it to endpoints="
        ),
    ),
    Limit(
        lambda given: any(given[1].get(endpoint.name, endpoint) != endpoint for endpoint in given[0].endpoints),
        lambda given: (
            "the trigger knows another declaration of its "
            + " and ".join(
                f"endpoint {endpoint.name!r}"
                for endpoint in given[0].endpoints
                if given[1].get(endpoint.name, endpoint) != endpoint
            )
            + "; give endpoints= by the Endpoint itself, not by its name"
        ),
    ),
)
"""Of a job and the endpoints that a trigger knows."""
