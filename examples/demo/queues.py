"""The queues of the deployment, as AWS counts them: what no journal of the servers can tell."""

from jobs import manifest

from rota.settings import DEFAULT_STAGE, Settings, parameter_name
from rota.testing.local_aws import LocalAws

_COUNTS = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]


class Queues:
    """All queues that the deployment's settings name."""

    def __init__(self, aws: LocalAws) -> None:
        self._sqs = aws.client("sqs")
        name = parameter_name(manifest.name, DEFAULT_STAGE)
        parameter = aws.client("ssm").get_parameter(Name=name)["Parameter"]
        self._urls = [queue.url for queue in Settings.decode(parameter["Value"], source=name).queues.values()]

    def messages(self) -> int:
        """How many messages are in them, visible, hidden and delayed."""
        return sum(self._in_one(url) for url in self._urls)

    def _in_one(self, url: str) -> int:
        counts = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)["Attributes"]
        return sum(int(counts[name]) for name in _COUNTS)
