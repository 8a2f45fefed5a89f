"""Where a job's runs go: queues that workers consume, and endpoints that servers answer at. Frozen data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rota.validators import count_problem, duration_problem, name_problem, refuse

MAX_VISIBILITY = timedelta(hours=12)
"""How long SQS keeps a received message hidden at the most, all extensions together.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""

MAX_DELAY = timedelta(minutes=15)
"""How long SQS can hold a message back when it is sent.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue that workers consume; on AWS an SQS queue with a dead-letter queue of its own.

    Raises `ManifestError` for a value outside its limits.
    """

    name: str
    visibility_timeout: timedelta = timedelta(seconds=60)
    """How long SQS waits for word from a worker before it gives a run to another: the time a crash costs. From 2
    seconds to 12 hours; a job may take longer, for workers extend it while a handler runs."""
    max_deliveries: int = 20
    """After how many deliveries without a settled attempt a run goes to the dead-letter queue, from 1 to 1000. A
    backstop for runs that kill their worker: retries and hand-backs do not count towards it. Nor do put-backs, so the
    ledger counts the workers that died of a run on record, and gives it up after as many."""

    def __post_init__(self) -> None:
        refuse(
            f"queue {self.name!r}",
            name_problem(self.name),
            duration_problem("visibility_timeout", self.visibility_timeout, least=2 * _SECOND, most=MAX_VISIBILITY),
            count_problem("max_deliveries", self.max_deliveries, least=1, most=1000),
        )


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A signed HTTP entrance behind a load balancer: a run that is due is posted there, and one server does it.

    Its servers have the middleware (`rota.endpoint.wsgi`, `rota.endpoint.asgi`), or are of another language and verify
    the signature themselves. Where it is, `Rota(endpoints=...)` says.

    Raises `ManifestError` for a value outside its limits.
    """

    name: str
    path: str = "/jobs"
    """Where its servers take runs; below it, `<path>/health` is theirs too."""
    idle_timeout: timedelta = timedelta(seconds=60)
    """How long its load balancer waits for an answer, from 10 seconds to 14 minutes, for the trigger is a Lambda and
    ends after 15; 60 seconds, as an ALB does, unless given. A job whose timeout is at least 5 seconds shorter is
    answered when it is done, any other with 202 when it begins.
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"""
    lease: timedelta = timedelta(seconds=30)
    """After how long without word from the server that runs it a run may be taken over by another: the time a crash
    costs. From 15 seconds to 10 minutes; servers renew it while a handler runs."""
    max_deliveries: int = 20
    """After how many servers that died of it a run is given up, from 1 to 1000."""
    ledger: bool = True
    """Whether its servers claim runs in the ledger of the deployment, as the middleware does. False for servers of
    another language: a run whose outcome nobody knows is then not posted again, unless its job is idempotent."""

    def __post_init__(self) -> None:
        refuse(
            f"endpoint {self.name!r}",
            name_problem(self.name),
            _path_problem(self.path),
            duration_problem("idle_timeout", self.idle_timeout, least=10 * _SECOND, most=timedelta(minutes=14)),
            duration_problem("lease", self.lease, least=15 * _SECOND, most=timedelta(minutes=10)),
            count_problem("max_deliveries", self.max_deliveries, least=1, most=1000),
            None if isinstance(self.ledger, bool) else f"ledger must be True or False; got {self.ledger!r}",
        )


@dataclass(frozen=True)
class EveryServer:
    """Every server behind an endpoint that is healthy when the run is due, each with a run of its own.

    Raises `ManifestError` for what is no `Endpoint`.
    """

    endpoint: Endpoint

    def __post_init__(self) -> None:
        if not isinstance(self.endpoint, Endpoint):
            refuse("EveryServer", f"endpoint must be an Endpoint; got {self.endpoint!r}")

    @property
    def name(self) -> str:
        """As messages name it: the endpoint's name and "/*"."""
        return f"{self.endpoint.name}/*"


Target = Queue | Endpoint | EveryServer | Sequence[Endpoint | EveryServer]
"""Where a job's runs go; of several endpoints, each has a run of its own."""


def _path_problem(path: object) -> str | None:
    if isinstance(path, str) and _PATH.fullmatch(path):
        return None
    return f'path must be "/" and letters, digits, "-", "_", "~" or ".", once or several times (no ".."); got {path!r}'


# What browsers and balancers would take for a folder above is none: they would post elsewhere than is signed.
_PATH = re.compile(r"(/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")


TRIGGER = Queue(name="trigger", visibility_timeout=timedelta(minutes=9), max_deliveries=1000)
"""The queue in which runs for endpoints wait for the trigger. Its visibility follows from the endpoints' timeouts."""
