"""Secrets through CloudFormation, where ministack differs.

- It overlooks which kinds of characters are not wanted in one that is generated.
- What refers to a secret gets its name instead of its ARN, so that no policy that names it lets anybody in.
"""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import string
from typing import Any

from . import private

_provisioners = private.module("ministack.services.cloudformation.provisioners")
_secrets = private.module("ministack.services.secretsmanager")

Provisioned = tuple[str, dict[str, Any]]  # the physical id and the attributes for Fn::GetAtt

_KINDS = {
    "ExcludePunctuation": string.punctuation,
    "ExcludeNumbers": string.digits,
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
}


def install() -> None:
    """Puts these corrections around ministack's handlers."""
    text_of = _provisioners._sm_secret_string

    def text_like_aws(props: dict[str, Any]) -> str:
        asked = props.get("GenerateSecretString")
        if asked:
            # In the way that ministack heeds: one character after another.
            unwanted = "".join(kind for name, kind in _KINDS.items() if str(asked.get(name, "")).lower() == "true")
            asked = asked | {"ExcludeCharacters": asked.get("ExcludeCharacters", "") + unwanted}
        text: str = text_of(props | {"GenerateSecretString": asked})
        return text

    _provisioners._sm_secret_string = text_like_aws
    _make_arn_the_physical_id(_provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"])


def _make_arn_the_physical_id(handlers: dict[str, Any]) -> None:
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def by_arn(made: Provisioned) -> Provisioned:
        return _secrets._secrets[made[0]]["ARN"], made[1]

    def name_of(arn: str) -> str:
        return _secrets._resolve(arn)[0] or arn

    handlers["create"] = lambda *arguments: by_arn(create(*arguments))
    handlers["update"] = lambda arn, *rest, **more: by_arn(update(name_of(arn), *rest, **more))
    handlers["delete"] = lambda arn, *rest: delete(name_of(arn), *rest)
