"""Every server behind an endpoint: who that is, and who has joined or left since."""

from collections.abc import Sequence

from rota.envelope import Envelope
from rota.trigger import servers
from rota.trigger.aws import Aws, AwsError
from rota.trigger.config import EndpointConfig, TriggerConfig
from rota.trigger.letters import Letter, letter
from rota.trigger.outcomes import UNKNOWN_THERE
from rota.trigger.queue import TriggerQueue
from rota.trigger.request import NoAnswer, Place
from rota.trigger.split import RollCall, endpoint_of, of_servers, server_of
from rota.trigger.telemetry import Telemetry

ROLL_CALL_AFTER = 60
"""Seconds."""
MOST_ROLL_CALLS = 5
"""Deliveries of one: it is a report, not a run."""


class Fleet:
    """The servers of the endpoints. Safe to share among threads."""

    def __init__(self, config: TriggerConfig, queue: TriggerQueue, aws: Aws, telemetry: Telemetry) -> None:
        self._config, self._queue, self._aws, self._telemetry = config, queue, aws, telemetry

    def ask_every(self, part: Envelope, name: str) -> NoAnswer | None:
        """Send a message for each healthy server of the endpoint `name`; else what is wrong."""
        there = self._healthy(name)
        if isinstance(there, NoAnswer):
            return there
        if not there:
            return NoAnswer("no server is healthy")
        roll_call = RollCall(job=part.job, endpoint=name, asked=there, run=part.run)
        runs = [letter(one) for one in of_servers(part, there)]
        if not all(one.fits for one in runs):
            return NoAnswer("too large to be split", most=0)
        self._queue.send([*runs, Letter(body=roll_call.encode(), delay=ROLL_CALL_AFTER)])
        metrics = {"Servers": len(there)}
        self._telemetry.tell("every server", metrics=metrics, job=part.job, run=part.run, endpoint=name, asked=there)
        return None

    def place(self, endpoint: EndpointConfig, server: str) -> Place:
        """Where the server of that id is. Raises `AwsError`."""
        return Place.of_server(endpoint, *servers.address(self._aws, server))

    def has_left(self, part: Envelope, name: str) -> bool:
        """Whether the server `name`, such as "web/10.0.1.5:8080", has left, which is told. A healthy one will answer
        again."""
        there, server = self._healthy(endpoint_of(name)), server_of(name) or ""
        if isinstance(there, NoAnswer) or server in there:
            return False
        self._tell("server left", part, endpoint_of(name), [], [server])
        return True

    def call(self, roll_call: RollCall, received: int) -> bool:
        """Tell who has joined or left since; whether it is done with. `received` is how often it came."""
        found = self._healthy(roll_call.endpoint)
        if isinstance(found, NoAnswer):
            return received >= MOST_ROLL_CALLS
        there, asked = set(found), set(roll_call.asked)
        self._tell("roll call", roll_call, roll_call.endpoint, sorted(there - asked), sorted(asked - there))
        return True

    def _healthy(self, name: str) -> tuple[str, ...] | NoAnswer:
        """The servers behind the endpoint `name`, or why nobody knows them."""
        endpoint = self._config.endpoints.get(name)
        if endpoint is None or endpoint.target_group is None:
            unknown = NoAnswer(f"the trigger knows no target group of endpoint {name!r}", most=UNKNOWN_THERE)
        else:
            try:
                return servers.healthy(self._aws, endpoint.target_group)
            except AwsError as error:
                unknown = NoAnswer(str(error))
        self._telemetry.tell("servers unknown", "WARNING", endpoint=name, reason=unknown.reason)
        return unknown

    def _tell(
        self, event: str, run: Envelope | RollCall, endpoint: str, joined: Sequence[str], left: Sequence[str]
    ) -> None:
        said = {"job": run.job, "run": run.run, "endpoint": endpoint, "joined": joined, "left": left}
        metrics = {"ServersJoined": len(joined), "ServersLeft": len(left)}
        self._telemetry.tell(event, "WARNING" if joined or left else "INFO", metrics, **said)
