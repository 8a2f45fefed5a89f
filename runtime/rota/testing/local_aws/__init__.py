"""A local AWS to deploy to and to run against: ministack in a process of its own, no account, no Docker.

    from rota.testing.local_aws import local_aws

    with local_aws() as aws:
        aws.deploy("my_app")                        # the real CDK CLI
        aws.fire_rule("shop-default.close-books")   # do not wait for 2 a.m.
        aws.client("sqs").receive_message(...)

The first use installs ministack (and, where the project has no ``node_modules``, the CDK CLI) into a cache folder.
Everything listens on 127.0.0.1 alone. Linux and macOS.

What it cannot show is listed in ``in_ministack/README.md``.
"""

from rota.testing.local_aws.errors import LocalAwsError
from rota.testing.local_aws.session import LocalAws, local_aws

__all__ = ["LocalAws", "LocalAwsError", "local_aws"]
