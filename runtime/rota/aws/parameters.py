"""Reading a deployment's settings from SSM Parameter Store."""

from botocore.exceptions import BotoCoreError, ClientError, SSOError, TokenRetrievalError

from rota.aws.session import NO_CREDENTIALS, client, no_credentials
from rota.errors import NoDeploymentError, SettingsError
from rota.settings import STAGE_VARIABLE, Settings, parameter_name

_BAD_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
)


def read_settings(manifest: str, stage: str) -> Settings:
    """The settings of one deployment.

    Raises `SettingsError` that says, in a line, what is missing and what to type.
    """
    name = parameter_name(manifest, stage)
    try:
        answer = client("ssm").get_parameter(Name=name)
    except NO_CREDENTIALS:
        raise no_credentials() from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == "ParameterNotFound":
            raise NoDeploymentError(
                f"there is no parameter {name} in this account and region; type: cdk deploy (or choose another stage "
                f"with {STAGE_VARIABLE})"
            ) from None
        if code in _BAD_CREDENTIALS:
            raise SettingsError(f"AWS does not accept these credentials ({code}); type: aws configure") from None
        needs = "; this role needs ssm:GetParameter on it" if code in ("AccessDeniedException", "AccessDenied") else ""
        raise SettingsError(f"parameter {name} cannot be read: {error}{needs}") from None
    except (SSOError, TokenRetrievalError) as error:
        raise SettingsError(f"{error}; type: aws sso login") from None
    except BotoCoreError as error:
        raise SettingsError(f"parameter {name} cannot be read: {error}") from None
    return Settings.decode(answer["Parameter"]["Value"], source=f"parameter {name}")
