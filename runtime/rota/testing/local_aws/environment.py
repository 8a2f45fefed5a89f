"""The environment variables and the boto3 clients that reach the local AWS."""

import os
from typing import Any

from rota.testing.local_aws.host import no_proxy

ACCOUNT = "000000000000"
REGION = "us-east-1"
# ministack checks no signature: any key is the account above, unless it is itself twelve digits.
_ANY_KEY = "test"


def client_environment(endpoint_url: str) -> dict[str, str]:
    """What a child process needs on top of its own environment, so that any AWS SDK talks to `endpoint_url` alone.

    The user's configuration files are shut out, so that no profile of theirs is used by mistake.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": _ANY_KEY,
        "AWS_SECRET_ACCESS_KEY": _ANY_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy(),
        "no_proxy": no_proxy(),
    }


def new_client(service: str, endpoint_url: str) -> Any:
    """A boto3 client of `service` (boto3 has no types of its own, hence Any) bound to `endpoint_url`.

    It depends on no variable and no file of the user's: keys, region, endpoint, profile and proxies are all given here.
    """
    import boto3
    import botocore.config
    import botocore.session

    session = botocore.session.Session(
        session_vars={
            "profile": (None, [], None, None),
            "config_file": (None, [], os.devnull, None),
            "credentials_file": (None, [], os.devnull, None),
        }
    )
    boto: Any = boto3.Session(botocore_session=session)
    return boto.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=_ANY_KEY,
        aws_secret_access_key=_ANY_KEY,
        config=botocore.config.Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 3}),
    )
