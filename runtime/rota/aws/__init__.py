"""boto3 for what is not a queue, a ledger or a lock."""

from rota.errors import NoDeploymentError

try:
    import boto3  # noqa: F401
except ModuleNotFoundError:
    raise NoDeploymentError("boto3 is not installed here; type: pip install 'rota[aws]'") from None
