"""Errors as the services write them, so that botocore reads them as the real ones: some it tries again by itself."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A status, and the body of the JSON protocol."""

    status: int
    code: str
    message: str

    @property
    def body(self) -> bytes:
        return json.dumps({"__type": self.code, "message": self.message}).encode()


_UNAVAILABLE = Refusal(503, "ServiceUnavailable", "chaos: the service is unavailable")

_OF = {
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    "AmazonSQS": (
        Refusal(500, "com.amazonaws.sqs#InternalFailure", "chaos: the request failed"),
        Refusal(403, "com.amazonaws.sqs#RequestThrottled", "chaos: too many requests"),
        _UNAVAILABLE,
    ),
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    "DynamoDB": (
        Refusal(500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "chaos: the request failed"),
        Refusal(400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "chaos: throttled"),
        Refusal(400, "com.amazonaws.dynamodb.v20120810#ThrottlingException", "chaos: throttled"),
        _UNAVAILABLE,
    ),
}


def refusal(target: str, chance: float) -> Refusal:
    """One of the errors of the service that the header X-Amz-Target names; `chance`, from 0 to 1, says which."""
    service = next((service for service in _OF if target.startswith(service)), None)
    choices = _OF[service] if service else (_UNAVAILABLE,)
    return choices[int(chance * len(choices))]
