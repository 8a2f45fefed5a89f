"""Clients of AWS, and what to type when the machine is not set up for them."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoCredentialsError, NoRegionError, PartialCredentialsError

from rota.errors import NoDeploymentError, SettingsError

ANSWER = 5.0
"""Seconds that a request may take before it is tried again. boto3's own 60 would outlast a visibility timeout."""
LEDGER_ANSWER = 2.0
"""The same for the ledger, which mostly answers within 10 milliseconds."""
LONG_POLL_ANSWER = 30.0
"""The same for one that SQS holds open for 20 seconds."""


def client(service: str, *, connections: int = 10, answer_within: float = ANSWER) -> Any:
    """A boto3 client, safe to share among threads. `connections` is how many requests may be under way at once.

    Raises `SettingsError` that says what is missing. boto3 has no types of its own, hence Any.
    """
    # One session a client: boto3's default session is not safe to make clients from in several threads.
    try:
        session = boto3.session.Session()
        made = session.client(
            service,
            config=Config(
                max_pool_connections=connections,
                connect_timeout=min(ANSWER, answer_within),
                read_timeout=answer_within,
                retries={"mode": "standard", "max_attempts": 3},
            ),
        )
    except NoRegionError:
        # boto3 does not read AWS_REGION.
        raise NoDeploymentError(
            "no AWS region is set; type: export AWS_DEFAULT_REGION=eu-west-1 (or `aws configure`)"
        ) from None
    except BotoCoreError as error:  # half of the credentials, a profile that is not there, a broken file
        raise SettingsError(f"{error}; type: aws configure") from None
    if session.get_credentials() is None:
        raise no_credentials()
    return made


def no_credentials() -> SettingsError:
    """What to say where boto3 finds nothing to sign with."""
    return SettingsError("no AWS credentials are found; type: aws configure (or `aws sso login`)")


NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)
