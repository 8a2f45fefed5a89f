"""What a deployment tells its trigger, in one environment variable, and no secret."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

VARIABLE = "ROTA_TRIGGER"


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """Where an endpoint is. Times are seconds."""

    address: str
    """The load balancer's own host name."""
    port: int
    tls: bool
    host: str
    """The `Host` header, and the name of the certificate."""
    path: str
    """What is posted to."""
    idle_timeout: float
    """The load balancer's."""
    lease: float
    """How long a server may be silent before another takes its run over."""
    ledger: bool = True
    """Whether its servers, all together, can tell what became of a run."""
    target_group: str | None = None
    """The ARN of the group whose healthy targets are "every server"; None where nobody asks for that."""
    server_tls: bool = False
    """Whether single servers are asked over TLS."""
    server_name: str | None = None
    """The name of the certificate of each."""


@dataclass(frozen=True, kw_only=True)
class TriggerConfig:
    """The trigger's own places, and its endpoints."""

    deployment: str
    """`<manifest>-<stage>`, a dimension of its metrics."""
    queue: str
    """The URL of the trigger queue."""
    dead_letters: str
    """The URL of its dead-letter queue."""
    secret: str
    """The ARN of that with the keys."""
    endpoints: Mapping[str, EndpointConfig]

    def encode(self) -> str:
        """The variable's value, without what is as usual."""
        written: dict[str, Any] = vars(self).copy()
        usual = EndpointConfig.__dataclass_fields__
        written["endpoints"] = {
            name: {field: value for field, value in asdict(endpoint).items() if value != usual[field].default}
            for name, endpoint in self.endpoints.items()
        }
        return json.dumps(written, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> "TriggerConfig":
        """The same of the variable's value. Raises `ValueError`, `KeyError` or `TypeError` for any other text."""
        read = json.loads(text)
        return cls(**read | {"endpoints": {name: EndpointConfig(**each) for name, each in read["endpoints"].items()}})
