"""What the ledger promises over every `Store`, as a state machine of hypothesis: docs/ledger.md, played at random.

    class OnMyStore(LedgerConformance):
        def make_store(self, clock: Clock) -> Store:
            ...                             # empty at first; its `now()` is clock.now().timestamp()

    OnMyStore.TestCase.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
    TestOnMyStore = OnMyStore.TestCase

Several machines, whose clocks are wrong, claim, renew and complete a few runs, in any order: late, twice, after a
pause, while another is at it, and with a store that fails before or after it has written.

`model` says what docs/ledger.md promises, `machine` and `faulty_store` are what plays, `referee` holds each answer
against the model, `suite` is the state machine that draws what happens. Hypothesis shortens what it finds for up to 5
minutes; `settings(phases=...)` without `Phase.shrink` tells at once.

Raises `ModuleNotFoundError` where hypothesis is not installed.
"""

try:
    import hypothesis  # noqa: F401 - for a message that says what to install
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "rota.testing.LedgerConformance needs hypothesis, which is not installed here; "
        "type: pip install 'rota[testing]'",
        name="hypothesis",
    ) from None

from rota.testing.ledger_conformance.suite import LedgerConformance

__all__ = ["LedgerConformance"]
