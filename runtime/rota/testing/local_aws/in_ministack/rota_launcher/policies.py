"""IAM policies, enforced once asked for, and put right where ministack refuses what AWS allows.

- ministack asks for ``sqs:SendMessageBatch``, which is no action of AWS's: a batch takes ``sqs:SendMessage``.
- On loopback there is no TLS, without which the policy of a queue of rota's refuses everyone: a request counts as sent
  over it.
"""

from typing import Any

from . import private

_app = private.module("ministack.app")
_actions = private.module("ministack.core.iam_actions")


def enforce_policies() -> None:
    """From the next request on, for every key but the ``test`` of whoever deploys, which stays root. For good."""
    if _app.AUTH:
        return
    pin, name = _app.pin_request_origin, _actions.extract_iam_action

    def pin_as_secure(address: str, secure: bool) -> None:  # noqa: ARG001 - as ministack calls it
        pin(address, True)

    def name_like_aws(service: str, *request: Any) -> str | None:
        action: str | None = name(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    _app.pin_request_origin, _actions.extract_iam_action = pin_as_secure, name_like_aws
    _app.AUTH = True
