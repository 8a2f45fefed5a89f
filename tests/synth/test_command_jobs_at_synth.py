"""A job with a command on AWS: like any other, and nothing of the command is there."""

import json

from rota import Cron, Job, Manifest, Queue
from rota_cdk.testing import synth


def test_the_command_is_in_no_template():
    nightly = Job(
        name="nightly",
        command=["sh", "-c", "./only-in-the-manifest"],
        target=Queue(name="work"),
        schedule=Cron("0 2 * * *"),
    )
    template = json.dumps(synth(Manifest(name="shop", jobs=[nightly])).to_json())
    assert "shop-default.nightly" in template
    assert "only-in-the-manifest" not in template
