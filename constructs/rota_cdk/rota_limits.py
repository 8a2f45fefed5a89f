"""What `Rota` is told of a manifest's endpoints, as a table like those of `rota_cdk.validation`."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_kms as kms

from rota.manifest import Manifest
from rota.names import Names
from rota_cdk.endpoints import Places
from rota_cdk.fanout_trigger import FanoutTrigger
from rota_cdk.run_ledger import RunLedger
from rota_cdk.validation import Limit


@dataclass(frozen=True)
class Told:
    """Of one `Rota`."""

    manifest: Manifest
    stage: str
    endpoints: Places | None
    trigger: FanoutTrigger | None
    ledger: RunLedger | None = None
    encryption_key: kms.IKey | None = None

    @property
    def claimed(self) -> set[str]:
        """The trigger's endpoints whose servers claim runs in a ledger."""
        return {name for name, endpoint in self.trigger.endpoints.items() if endpoint.ledger} if self.trigger else set()

    @property
    def has_other_key(self) -> bool:
        """Whether the trigger encrypts otherwise than what is made here."""
        if self.trigger is None or self.encryption_key is None:
            return False
        key = self.trigger.queue.encryption_key
        return key is None or key.key_arn != self.encryption_key.key_arn

    @property
    def declared(self) -> set[str]:
        """The endpoints of the manifest."""
        return {endpoint.name for endpoint in self.manifest.endpoints}

    @property
    def placed(self) -> set[str]:
        """Those whose place is told."""
        return {key if isinstance(key, str) else key.name for key in self.endpoints or ()}

    @property
    def others(self) -> Names | None:
        """The deployment of the trigger, where it is another one."""
        is_other = self.trigger is not None and self.trigger.names != Names(self.manifest.name, self.stage)
        return self.trigger.names if self.trigger and is_other else None


def _list(names: set[str]) -> str:
    return " and ".join(map(repr, sorted(names)))


ENDPOINTS: Sequence[Limit[Told]] = (
    Limit(
        lambda told: told.endpoints is not None and told.trigger is not None,
        lambda _: "endpoints= and trigger= are both given; a FanoutTrigger has its endpoints already",
    ),
    Limit(
        lambda told: told.trigger is None and bool(told.declared - told.placed),
        lambda told: (
            f"its jobs have {_list(told.declared - told.placed)} as endpoint, and endpoints= does not say where that "
            f'is; give endpoints={{"{min(told.declared - told.placed)}": AlbEndpoint(listener, host=...)}}'
        ),
    ),
    Limit(
        lambda told: bool(told.placed - told.declared),
        lambda told: (
            f"endpoints= has {_list(told.placed - told.declared)}, which no job has as its target; the endpoints of "
            f"its jobs: {_list(told.declared) or 'none'}"
        ),
    ),
    Limit(
        lambda told: told.others is not None,
        lambda told: (
            f"trigger= is the FanoutTrigger of {told.others.deployment if told.others else ''!r}; give "
            f"FanoutTrigger(manifest={told.manifest.name!r}, stage={told.stage!r})"
        ),
    ),
    Limit(
        lambda told: told.trigger is not None and told.trigger.ledger is None and bool(told.claimed),
        lambda told: (
            f"trigger= has no ledger, and the servers of {_list(told.claimed)} claim runs in one: the trigger would "
            "give up what they could tell; give FanoutTrigger(ledger=RunLedger(...)), which is then that of Rota too"
        ),
    ),
    Limit(
        lambda told: (
            told.trigger is not None
            and told.ledger is not None
            and told.trigger.ledger is not None
            and told.trigger.ledger.node.path != told.ledger.node.path
        ),
        lambda told: (
            f"ledger= is {told.ledger.node.path if told.ledger else ''}, and that of trigger= is "
            f"{told.trigger.ledger.node.path if told.trigger and told.trigger.ledger else ''}; a deployment has one: "
            "leave ledger= out, and the trigger's is taken"
        ),
    ),
    Limit(
        lambda told: told.has_other_key,
        lambda told: (
            "encryption_key= is not that of trigger=, which has "
            + (
                "another"
                if told.trigger is not None and told.trigger.queue.encryption_key is not None
                else "none, so that its queue and keys are not encrypted with yours"
            )
            + "; give FanoutTrigger(encryption_key=...) the same"
        ),
    ),
)
