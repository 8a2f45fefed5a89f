"""See jobs run on a local AWS, without an account: `python try_it.py`."""

import logging
import os
import threading
from datetime import timedelta

from jobs import Greeting, greet, manifest
from rota import Client, Worker
from rota.testing.local_aws import local_aws

logging.basicConfig(level=logging.INFO, format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
logging.getLogger("botocore").setLevel(logging.WARNING)

try:
    with local_aws(tick=1) as aws:
        print("deploying to the local AWS ...", flush=True)
        aws.deploy(".")
        os.environ.update(aws.environment)
        with Worker(manifest, long_poll=timedelta(seconds=1)):
            Client(manifest).enqueue(greet, Greeting(name="you"))
            print("`greet` is enqueued, `tick` is due at each full minute; Ctrl-C ends", flush=True)
            threading.Event().wait()
except KeyboardInterrupt:
    print("ended; the local AWS is gone")
