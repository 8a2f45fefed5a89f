"""What the trigger's first invocation costs: processor time of a fresh process that imports the function, reads the
secret and posts one run, beside two functions that do the same."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.cold_start.stand import NAME, Stand
from benchmarks.environment import HERE, ROOT

from rota.trigger.config import VARIABLE, EndpointConfig, TriggerConfig

PEERS = ("requests + boto3", "axios + AWS SDK, Node")
Function = tuple[list[str], dict[str, str]]
"""The command of a process that imports it and calls it once, and its environment."""

CODE = HERE / "cold_start"
RUN = "refresh-prices@2026-11-21T11:05:00Z"


PYTHON = "import json, os, sys; from {} import handler; print(handler(json.loads(os.environ['EVENT']), None))"
LIST = (
    "import rota.trigger.function, sys; "
    "print(*(found.__file__ for name, found in sys.modules.items() if name.split('.')[0] == 'rota'))"
)
NODE = "require(process.argv[1]).handler(JSON.parse(process.env.EVENT)).then(console.log)"


def measure(folder: Path, times: int) -> dict[str, Any]:
    """Medians without TLS and with it, the functions taking turns; and the size of the asset."""
    asset = folder / "asset"
    size, files = _stage(asset)
    found: dict[str, Any] = {"asset_bytes": size, "asset_files": files, "times": times}
    for tls in (False, True):
        with closing(Stand(folder, tls=tls)) as stand:
            found["https" if tls else "http"] = _beside(stand, _functions(asset), times)
    return found


def _functions(asset: Path) -> dict[str, Function]:
    # -S: no packages but those it is told of, and no search for others.
    python, peers = [sys.executable, "-S", "-c"], f"{CODE}{os.pathsep}{sysconfig.get_path('purelib')}"
    return {
        # Without compiled files, as on Lambda, where an asset is source and nobody may write beside it.
        "rota": (
            [*python, PYTHON.format("rota.trigger.function")],
            {"PYTHONPATH": str(asset), "PYTHONDONTWRITEBYTECODE": "1"},
        ),
        "requests + boto3": ([*python, PYTHON.format("requests_boto3")], {"PYTHONPATH": peers}),
        "axios + AWS SDK, Node": (["node", "-e", NODE, str(CODE / "axios.cjs")], {}),
        "Python alone": ([*python, "pass"], {}),
        "Node alone": (["node", "-e", ""], {}),
    }


def _beside(stand: Stand, functions: dict[str, Function], times: int) -> dict[str, Any]:
    took: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(times + 1):
        for name in list(functions)[:: -1 if number % 2 else 1]:
            command, environment = functions[name]
            before = stand.good
            used = _cpu(command, _environment(stand) | environment)
            if stand.good - before != (0 if name.endswith("alone") else 1):
                raise RuntimeError(f"{name} posted {stand.good - before} signed runs")
            if number:  # the first one brings the files into memory, and compiles those of the peers
                took[name].append(used)
    return {
        "cpu_ms": {name: statistics.median(values) * 1000 for name, values in took.items()},
        "ratios": {peer: [mine / its for mine, its in zip(took["rota"], took[peer], strict=True)] for peer in PEERS},
    }


def _environment(stand: Stand) -> dict[str, str]:
    endpoint = EndpointConfig(
        address=NAME,
        port=stand.port,
        tls=stand.tls,
        host=NAME,
        path="/jobs",
        idle_timeout=60,
        lease=30,
    )
    config = TriggerConfig(
        deployment="shop-default",
        queue=f"{stand.url}/123456789012/trigger",
        dead_letters=f"{stand.url}/123456789012/dead",
        secret="arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-default.keys-a1b2c3",
        endpoints={"web": endpoint},
    )
    trusted = {}
    if stand.tls:
        trusted = dict.fromkeys(("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), str(stand.certificates))
        trusted["NODE_EXTRA_CA_CERTS"] = str(stand.authority)  # Node has the others in itself
    return {
        "PATH": os.environ["PATH"],
        "EVENT": _event(),
        VARIABLE: config.encode(),
        "SECRET": config.secret,
        "URL": f"{stand.url}/jobs",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_ENDPOINT_URL": stand.url,
        **trusted,
    }


def _event() -> str:
    """A batch of one message, sent just now: one that is hours old is not posted any more."""
    record = {
        "messageId": "4b9f2b52-7a3c-4ad1-9a55-0a7f0f1f6a11",
        "receiptHandle": "AQEB",
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
        "messageAttributes": {},
        "body": json.dumps({"rota": 1, "job": "refresh-prices", "run": RUN, "post": {"endpoints": ["web"]}}),
    }
    return json.dumps({"Records": [record]})


def _stage(asset: Path) -> tuple[int, int]:
    """Put there what the function imports of rota, at once and later; how many bytes that is, and how many files."""
    listed = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    package = ROOT / "runtime"
    sources = {*map(Path, listed.stdout.split()), *(package / "rota/trigger").glob("*.py")}
    for source in sources:
        place = asset / source.relative_to(package)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    return sum(source.stat().st_size for source in sources), len(sources)


def _cpu(command: list[str], environment: dict[str, str]) -> float:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    said, complaint = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} failed: {said}{complaint}")
    return used.ru_utime + used.ru_stime
