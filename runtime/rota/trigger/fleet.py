"""Runs for every server behind an endpoint: who that is, and who has joined or left since."""

from collections.abc import Sequence

from rota.envelope import Envelope
from rota.trigger.aws import AwsError
from rota.trigger.config import EndpointConfig, TriggerConfig
from rota.trigger.letters import Letter, letter
from rota.trigger.outcomes import UNKNOWN_THERE
from rota.trigger.queue import TriggerQueue
from rota.trigger.request import NoAnswer, Place
from rota.trigger.servers import Servers
from rota.trigger.split import RollCall, endpoint_of, of_servers
from rota.trigger.telemetry import Telemetry

ROLL_CALL_AFTER = 60
"""Seconds after which it is asked who has joined or left."""
MOST_ROLL_CALLS = 5
"""Deliveries of one roll call: it is a report, not a run."""


class Fleet:
    """The servers of a deployment's endpoints. Safe to share among threads."""

    def __init__(self, config: TriggerConfig, queue: TriggerQueue, servers: Servers, telemetry: Telemetry) -> None:
        self._config, self._queue, self._servers, self._telemetry = config, queue, servers, telemetry

    def ask_every(self, part: Envelope, name: str) -> NoAnswer | None:
        """Send a message for each healthy server of the endpoint `name`; what is wrong where that cannot be done."""
        endpoint = self._config.endpoints.get(name)
        if endpoint is None or endpoint.target_group is None:
            reason = f"the trigger knows no target group of endpoint {name!r}"
            return NoAnswer(reason=reason, begun=False, most=UNKNOWN_THERE)
        try:
            servers = self._servers.healthy(endpoint.target_group)
        except AwsError as error:
            return NoAnswer(reason=str(error), begun=False)
        if not servers:
            return NoAnswer(reason="no server is healthy", begun=False)
        roll_call = RollCall(job=part.job, endpoint=name, asked=servers, run=part.run)
        runs = [letter(one) for one in of_servers(part, servers)]
        self._queue.send([*runs, Letter(body=roll_call.encode(), delay=ROLL_CALL_AFTER)])
        metrics = {"Servers": len(servers)}
        self._telemetry.tell("every server", metrics=metrics, job=part.job, run=part.run, endpoint=name, asked=servers)
        return None

    def place(self, endpoint: EndpointConfig, server: str) -> Place:
        """Where the server of that id is. Raises `AwsError`."""
        return Place.of_server(endpoint, *self._servers.address(server))

    def has_left(self, part: Envelope, endpoint: EndpointConfig, name: str, silence: NoAnswer) -> bool:
        """Whether the server `name`, such as "web/10.0.1.5:8080", has not answered because it has left: then there is
        nobody to run this, and it is told. One that the target group has as healthy is expected to come back."""
        server = name.partition("/")[2]
        if silence.begun or endpoint.target_group is None:
            return False
        try:
            if server in self._servers.healthy(endpoint.target_group):
                return False
        except AwsError as error:
            self._not_asked(part.job, error)
            return False
        self._tell("server left", part.job, part.run, endpoint_of(name), left=[server], reason=silence.reason)
        return True

    def call(self, roll_call: RollCall, received: int) -> bool:
        """Tell who has joined or left since. Whether the roll call is done with; `received` is how often it came."""
        endpoint = self._config.endpoints.get(roll_call.endpoint)
        if endpoint is None or endpoint.target_group is None:
            return True
        try:
            there = set(self._servers.healthy(endpoint.target_group))
        except AwsError as error:
            self._not_asked(roll_call.job, error)
            return received >= MOST_ROLL_CALLS
        asked = set(roll_call.asked)
        joined, left = sorted(there - asked), sorted(asked - there)
        self._tell("roll call", roll_call.job, roll_call.run, roll_call.endpoint, joined=joined, left=left)
        return True

    def _tell(
        self,
        event: str,
        job: str,
        run: str | None,
        endpoint: str,
        *,
        joined: Sequence[str] = (),
        left: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        self._telemetry.tell(
            event,
            level="WARNING" if joined or left else "INFO",
            metrics={"ServersJoined": len(joined), "ServersLeft": len(left)},
            job=job,
            run=run,
            endpoint=endpoint,
            joined=joined,
            left=left,
            reason=reason,
        )

    def _not_asked(self, job: str, error: AwsError) -> None:
        self._telemetry.tell("target group not asked", level="WARNING", job=job, reason=str(error))
