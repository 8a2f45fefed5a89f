"""The end of a process, and forks: what real interpreters do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

APPLICATION = """
import io, json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from rota import Endpoint, Job, Manifest
from rota.endpoint.wsgi import RotaMiddleware
from rota.signature import sign

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # in one piece, whichever thread says it

def slow(run):
    time.sleep(0.3)
    # As handlers may: executors refuse work once the interpreter has begun to end.
    with ThreadPoolExecutor(1) as pool:
        say("done", pool.submit(lambda: run.id).result())

def deaf():
    say("in")
    time.sleep(60)

def quick(run):
    say("quick", run.id)

def heeding(run):
    say("told", run.stop_event.wait(20))

web = Endpoint(name="web", ledger=False)
names = ("slow", "deaf", "quick", "heeding")
jobs = [Job(name=name, handler=f"application:{name}", target=web, idempotent=True) for name in names]
app = RotaMiddleware(None, manifest=Manifest(name="shop", jobs=jobs), grace=timedelta(seconds=%(grace)s))

def post(job, run="r1"):
    body = json.dumps({"rota": 1, "job": job, "endpoint": "web", "run": run}).encode()
    now = int(time.time())
    signature = sign("%(secret)s", message_id="msg_1", timestamp=now, body=body)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/jobs", "wsgi.input": io.BytesIO(body)}
    environ |= {"CONTENT_LENGTH": str(len(body)), "HTTP_WEBHOOK_ID": "msg_1"}
    environ |= {"HTTP_WEBHOOK_TIMESTAMP": str(now), "HTTP_WEBHOOK_SIGNATURE": signature}
    app(environ, lambda status, headers: say(status))
"""


def said_by(folder: Path, script: str, *, grace: float = 20) -> list[str]:
    """What a process of its own says."""
    (folder / "application.py").write_text(APPLICATION % {"grace": grace, "secret": SECRET})
    keys = json.dumps({"keys": [{"id": "k1", "secret": SECRET}]})
    environment = {**os.environ, "ROTA_KEYS": keys, "PYTHONPATH": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-c", "from application import *\n" + textwrap.dedent(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_end_of_a_process_waits_for_what_runs(tmp_path: Path) -> None:
    assert said_by(tmp_path, "post('slow')") == ["202 Accepted", "done r1"]


def test_what_runs_longer_than_the_grace_time_is_told(tmp_path: Path) -> None:
    assert said_by(tmp_path, "post('heeding')", grace=0.1) == ["202 Accepted", "told True"]


def test_a_second_signal_while_the_first_ones_stop_waits_ends_the_process(tmp_path: Path) -> None:
    script = """
    import signal, threading
    def ends(*_):
        say("stop")
        if once.acquire(blocking=False):
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
            app.stop()
        else:
            say(app.stop(), "second")
            sys.exit()
    once = threading.Semaphore(1)
    signal.signal(signal.SIGTERM, ends)
    post("heeding")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
    """
    said = said_by(tmp_path, script, grace=1)
    assert said[:3] == ["202 Accepted", "stop", "stop"]
    assert "True second" in said


def test_what_does_not_heed_keeps_no_process_alive(tmp_path: Path) -> None:
    script = """
    from rota.endpoint import pool
    pool.LAST_WORDS = 0.2
    post("deaf")
    """
    assert sorted(said_by(tmp_path, script, grace=0.1)) == ["202 Accepted", "in"]


def test_a_fork_while_another_thread_opens_leaves_the_child_able_to(tmp_path: Path) -> None:
    script = """
    import application, threading
    from rota.keys import KeyRing
    text, reading, may_go = os.environ.pop("ROTA_KEYS"), threading.Event(), threading.Event()
    def read():
        reading.set()
        may_go.wait()
        return text
    keys = KeyRing(read, time.monotonic)
    application.app = RotaMiddleware(None, manifest=Manifest(name="shop", jobs=jobs), keys=keys)
    opener = threading.Thread(target=post, args=("quick", "parent"))
    opener.start()
    reading.wait()
    if not (child := os.fork()):
        may_go.set()
        post("quick", "child")
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    may_go.set()
    opener.join()
    """
    said = said_by(tmp_path, script)
    assert [line for line in said if line.startswith("quick")] == ["quick child", "quick parent"]


def test_a_server_that_forks_runs_in_each_child(tmp_path: Path) -> None:
    script = """
    post("quick", "parent")  # its threads are the parent's alone
    for number in range(2):
        if not (child := os.fork()):
            post("quick", f"child-{number}")
            sys.exit()  # as gunicorn's children do
        assert os.waitpid(child, 0)[1] == 0
    """
    said = said_by(tmp_path, script)
    assert [line for line in said if line.startswith("quick")] == ["quick parent", "quick child-0", "quick child-1"]
    assert said.count("202 Accepted") + said.count("200 OK") == 3
