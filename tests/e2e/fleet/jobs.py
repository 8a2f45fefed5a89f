"""What the end-to-end tests deploy: a queue for each thing that can go wrong, so that tests do not meet.

They would: the local AWS does not see that a client has gone, so a killed worker's open poll takes what comes within
its 20 s.
"""

from dataclasses import dataclass
from datetime import timedelta

from rota import Cron, Job, Manifest, Queue, Retry


@dataclass(frozen=True)
class Number:
    n: int


def queue(name: str, seconds: int, max_deliveries: int = 20) -> Queue:
    return Queue(name=name, visibility_timeout=timedelta(seconds=seconds), max_deliveries=max_deliveries)


work = queue("work", 4)
crash = queue("crash", 4)
long = queue("long", 2)
backlog = queue("backlog", 4)
skew = queue("skew", 30)
poison = queue("poison", 2, max_deliveries=3)
web = queue("web", 4)
apart = queue("apart", 30)
stopped = queue("stopped", 30)
hundred = queue("hundred", 30)

# A night in the far future: the tests fire these rules themselves, and no minute of theirs does.
never = Cron.aws("0 3 1 1 ? 2199")

occurrences = [
    Job(name=f"occurrence-{n}", handler="handlers:note", target=work, schedule=never, description="fired by a test")
    for n in range(20)
]
a_hundred = [Job(name=f"hundred-{n}", handler="handlers:note", target=hundred, schedule=never) for n in range(100)]

quick = Job(name="quick", handler="handlers:quick", target=work, payload=Number)
crashed = Job(name="crashed", handler="handlers:slow", target=crash, payload=Number)
longer = Job(name="longer", handler="handlers:six_seconds", target=long)
batch = Job(name="batch", handler="handlers:one_and_a_half_seconds", target=backlog, payload=Number)
known = Job(name="known", handler="handlers:note", target=skew)
killer = Job(name="killer", handler="handlers:kill_this_process", target=poison, retry=Retry(attempts=1))
served = Job(name="served", handler="handlers:note", target=web)
served_slowly = Job(name="slowly-served", handler="handlers:one_and_a_half_seconds", target=web, payload=Number)
staged = Job(name="staged", handler="handlers:note", target=apart)
handed_over = Job(name="handed-over", handler="handlers:slow", target=stopped, payload=Number)

own = [quick, crashed, longer, batch, known, killer, served, served_slowly, staged, handed_over]
manifest = Manifest(name="fleet", jobs=[*occurrences, *a_hundred, *own])

newer_job = Job(name="newer", handler="handlers:note", target=skew)
newer_manifest = Manifest(name="fleet", jobs=[*manifest.jobs, newer_job])
