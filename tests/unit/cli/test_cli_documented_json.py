"""The shapes of `--json` that docs/how-to/prove-your-schedules.md tells."""

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/how-to/prove-your-schedules.md"
JOBS = """
berlin = Cron("30 2 * * *", time_zone="Europe/Berlin", jitter=timedelta(minutes=10))
work = Queue(name="work")
manifest = Manifest(name="shop", jobs=[
    Job(name="close-books", handler="b:c", target=work, schedule=berlin),
    Job(name="drift", handler="b:c", target=work, schedule=Every(timedelta(minutes=7))),
    Job(name="off", handler="b:c", target=work, schedule=berlin, enabled=False)])
"""


def shape(value: object) -> object:
    """Its keys and types; of a list, those of its first."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value)


@pytest.mark.parametrize("command", ["proof", "next", "calendar"])
def test_the_documented_shape_is_what_a_command_prints(application, declare, run, command):
    declare(JOBS)
    told = re.findall(rf"^`rota {command}`: .*?```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    code, out, _ = run(command, "--json")
    assert code == 0
    assert [shape(json.loads(each)) for each in told] == [shape(json.loads(out))]
