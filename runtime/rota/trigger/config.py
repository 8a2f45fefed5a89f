"""What a deployment tells its trigger, in one environment variable: names and places alone, no secret."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

VARIABLE = "ROTA_TRIGGER"


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """Where an endpoint is. Durations are seconds."""

    address: str
    """The host name to connect to: the load balancer's own."""
    port: int
    tls: bool
    host: str
    """The `Host` header, and with TLS the server name that the certificate must have."""
    path: str
    """What is posted to."""
    idle_timeout: float
    """How long the load balancer waits for an answer."""
    lease: float
    """How long the server that runs it may be silent before another takes the run over."""
    ledger: bool = True
    """Whether its servers can tell, all together, what became of a run."""
    target_group: str | None = None
    """The ARN of the target group whose healthy targets "every server" means; None where nobody asks for that."""
    server_tls: bool = False
    """Whether its servers, asked one by one, are asked over TLS."""
    server_name: str | None = None
    """The server name that the certificate of each must have."""


@dataclass(frozen=True, kw_only=True)
class TriggerConfig:
    """The trigger's own places, and its endpoints by name."""

    deployment: str
    """`<manifest>-<stage>`, a dimension of its metrics."""
    queue: str
    """The URL of the trigger queue."""
    dead_letters: str
    """The URL of its dead-letter queue."""
    secret: str
    """The ARN of the secret that holds the keys."""
    endpoints: Mapping[str, EndpointConfig]

    def encode(self) -> str:
        """The variable's value; what is as usual is left out."""
        written: dict[str, Any] = {
            name: getattr(self, name) for name in ("deployment", "queue", "dead_letters", "secret")
        }
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
