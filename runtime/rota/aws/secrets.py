"""Reading the keys of signatures from Secrets Manager."""

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from rota.aws.session import NO_CREDENTIALS, client, no_credentials
from rota.errors import SettingsError


def secret_reader(arn: str) -> Callable[[], str]:
    """What reads the text of a secret, each time it is called; it raises `SettingsError` that says, in a line, what is
    missing. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html

    Raises `SettingsError` where AWS cannot be asked at all.
    """
    manager = client("secretsmanager")

    def read() -> str:
        try:
            return str(manager.get_secret_value(SecretId=arn)["SecretString"])
        except NO_CREDENTIALS:
            raise no_credentials() from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            needs = "; this role needs grant_verify" if code in ("AccessDeniedException", "AccessDenied") else ""
            raise SettingsError(f"secret {arn} cannot be read: {error}{needs}") from None
        except BotoCoreError as error:
            raise SettingsError(f"secret {arn} cannot be read: {error}") from None
        except KeyError:
            raise SettingsError(f"secret {arn} holds no text; deploy again: `cdk deploy`") from None

    return read
