"""Replacing the keys of a deployment in Secrets Manager: who reads them is `KeyRing`'s business."""

import uuid
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rota.aws.session import NO_CREDENTIALS, no_credentials
from rota.errors import BackendError, SettingsError, SignatureError
from rota.key_rotation import encode
from rota.keys import Key, decode

CURRENT = "AWSCURRENT"
"""The label of the version that counts, for all who name none."""
NEXT = "ROTA_NEXT"
"""The label of a version that is written and does not count yet. Not AWSPENDING: that is for Secrets Manager's own
rotations. https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html"""

_DENIED = ("AccessDeniedException", "AccessDenied")


class KeysChangedError(BackendError):
    """Somebody else has changed the keys meanwhile."""


@dataclass(frozen=True)
class StoredKeys:
    """The keys as they are stored."""

    keys: tuple[Key, ...]
    """The newest last."""
    version: str
    """Of the secret, by Secrets Manager's id."""


class KeyStore:
    """The secret of one deployment, by its ARN.

    `client` is a boto3 client of Secrets Manager (boto3 has no types of its own, hence Any).
    """

    def __init__(self, client: Any, arn: str) -> None:
        self._client, self._arn = client, arn

    def read(self) -> StoredKeys:
        """What counts now. Raises `SettingsError` where there is no such secret, or it holds no keys, `BackendError`
        where the service denies it or does not answer."""
        answer = self._ask("get_secret_value", VersionStage=CURRENT)
        try:
            return StoredKeys(decode(answer.get("SecretString", "")), answer["VersionId"])
        except SignatureError as error:
            raise SettingsError(
                f"secret {self._arn} holds no keys of rota's ({error}); give it back the version before this one: "
                "aws secretsmanager update-secret-version-stage"
            ) from None

    def replace(self, stored: StoredKeys, keys: tuple[Key, ...]) -> None:
        """Have `keys` count instead of what was read, if that counts still.

        PutSecretValue has no condition, so the new version is written without counting, and then the label AWSCURRENT
        moved from the version that was read: this fails where it is no longer there.
        https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html

        Raises `KeysChangedError` where somebody else came first, and what `read` raises.
        """
        version = str(uuid.uuid4())
        self._ask("put_secret_value", ClientRequestToken=version, SecretString=encode(keys), VersionStages=[NEXT])
        try:
            self._ask(
                "update_secret_version_stage",
                VersionStage=CURRENT,
                RemoveFromVersionId=stored.version,
                MoveToVersionId=version,
            )
        except BackendError:
            # It may be there already: an answer that was lost has boto3 ask again, and the second one is refused.
            there = self.read().version
            if there == version:
                return
            if there == stored.version:
                raise
            raise KeysChangedError(
                f"somebody else has changed the keys in {self._arn} meanwhile, so nothing is changed; "
                "look, and try again: rota keys list"
            ) from None

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(SecretId=self._arn, **arguments)
        except NO_CREDENTIALS:
            raise no_credentials() from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ResourceNotFoundException" and operation == "get_secret_value":
                raise SettingsError(
                    f"there is no secret {self._arn} in this account and region; deploy again: `cdk deploy`"
                ) from None
            needs = "; these credentials need what `grant_rotate(...)` grants" if code in _DENIED else ""
            raise BackendError(f"{operation} of secret {self._arn}: {error}{needs}") from None
        except BotoCoreError as error:
            raise BackendError(f"{operation} of secret {self._arn}: {error}") from None
        return answer
