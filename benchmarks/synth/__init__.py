"""What the synth of many scheduled jobs costs: rota beside what one would write of CDK's own constructs.

Each contender is a file with `build(app, jobs)`: a queue, and jobs that are sent to it on a schedule.
"""

from collections.abc import Iterator
from dataclasses import dataclass

JOBS_A_STACK = 320
"""How many jobs a stack of every contender has at most: CloudFormation takes 500 resources in one, and a hash fills
some more than others."""


def stacks_of(count: int) -> int:
    """Over how many stacks so many jobs are spread."""
    return -(-count // JOBS_A_STACK)


CONTENDERS = {
    "rota": "rota: Rota(schedules_with='scheduler', shards=...)",
    "l2_schedule": "L2 Schedule + SqsSendMessage",
    "l2_rule": "L2 Rule + SqsQueue",
    "solutions_constructs": "aws-solutions-constructs EventbridgeToSqs",
    "floor": "pure Python: json.dumps of rota's templates",
}
"""The modules, and what they are called in the table."""


@dataclass(frozen=True)
class Due:
    """A job, as all of them are asked for it: its name, and when it is due each day, UTC."""

    name: str
    minute: int
    hour: int
    stack: int
    """Of the contenders that have no sharding of their own."""

    @property
    def message(self) -> dict[str, str]:
        """What is sent to the queue."""
        return {"job": self.name}


def jobs(count: int) -> Iterator[Due]:
    """So many of them."""
    for number in range(count):
        yield Due(f"job-{number:05}", number % 60, number // 60 % 24, number % stacks_of(count))
