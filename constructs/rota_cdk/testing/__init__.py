"""Helpers for tests of what a manifest becomes on AWS. The pytest plugin brings the fixtures.

    def test_the_books_are_closed_at_two(rota_template, rota_manifest):
        assert_scheduled(rota_template, rota_manifest.find("close-books"))

They leave out CDK's validation against CloudFormation's schemas, which takes seconds; `assert_valid` and `cdk synth` do
it. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rota.testing.agreement import assert_handlers
    from rota.testing.snapshot import assert_schedule_snapshot
    from rota_cdk.testing.scheduled import assert_scheduled
    from rota_cdk.testing.synthesis import new_app, new_stack, synth
    from rota_cdk.testing.valid import assert_valid

_HOMES = {
    "assert_handlers": "rota.testing.agreement",
    "assert_schedule_snapshot": "rota.testing.snapshot",
    "assert_scheduled": "rota_cdk.testing.scheduled",
    "assert_valid": "rota_cdk.testing.valid",
    "new_app": "rota_cdk.testing.synthesis",
    "new_stack": "rota_cdk.testing.synthesis",
    "synth": "rota_cdk.testing.synthesis",
}

__all__ = [
    "assert_handlers",
    "assert_schedule_snapshot",
    "assert_scheduled",
    "assert_valid",
    "new_app",
    "new_stack",
    "synth",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rota_cdk.testing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
