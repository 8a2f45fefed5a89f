"""Secrets that CloudFormation generates: ministack overlooks which kinds of characters are not wanted in them."""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import string
from typing import Any

from . import private

_provisioners = private.module("ministack.services.cloudformation.provisioners")

_KINDS = {
    "ExcludePunctuation": string.punctuation,
    "ExcludeNumbers": string.digits,
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
}


def install() -> None:
    """Says it to ministack in the way that it heeds: one character after another."""
    text_of = _provisioners._sm_secret_string

    def text_like_aws(props: dict[str, Any]) -> str:
        asked = props.get("GenerateSecretString")
        if asked:
            unwanted = "".join(kind for name, kind in _KINDS.items() if str(asked.get(name, "")).lower() == "true")
            asked = asked | {"ExcludeCharacters": asked.get("ExcludeCharacters", "") + unwanted}
        text: str = text_of(props | {"GenerateSecretString": asked})
        return text

    _provisioners._sm_secret_string = text_like_aws
