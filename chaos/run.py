"""One run of the harness: starts everything, sends, strikes, lets it drain, and gives the evidence to the judge."""

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from chaos import report
from chaos.cloud import Cloud
from chaos.data import Data
from chaos.evidence import Evidence, Record, read_calls
from chaos.fleet import ProxyProcess, Server, wait_until
from chaos.handlers import DATA_URL, LOG
from chaos.jobs import locked
from chaos.judge import judge
from chaos.lines import LineLog, read_lines
from chaos.plan import BUSY, LEAD, OFFSETS, WANTED, Plan, Sending, Size, make_plan
from chaos.progress import Progress, wait_for
from chaos.report import Verdict
from rich.console import Console

from rota.settings import SETTINGS_VARIABLE
from rota.testing.local_aws import local_aws

START = 60.0
"""Seconds within which a worker has started."""


def run(seed: int, size: Size, folder: Path, console: Console, *, repeat: str) -> Verdict:
    """Returns what came of it. Everything that it writes is in `folder`, an empty one."""
    calls_log, events_log, faults_log = (folder / f"{name}.jsonl" for name in ("calls", "events", "faults"))
    plan = make_plan(seed, size, datetime.now(UTC))
    log = LineLog(events_log)
    with ExitStack() as stack:
        aws = stack.enter_context(local_aws(log_file=folder / "ministack.log"))
        cloud, data = Cloud(aws), Data(aws.endpoint_url)
        data.create()
        arguments = ["--upstream", aws.endpoint_url, "--seed", str(seed), "--log", str(faults_log)]
        arguments += ["--outages", str(size.outages), "--during", str(size.sending)]
        proxy = ProxyProcess(arguments, folder / "proxy.log")
        stack.callback(proxy.end)
        environment = aws.environment | {
            "AWS_ENDPOINT_URL": proxy.url,
            SETTINGS_VARIABLE: cloud.settings,
            LOG: str(calls_log),
            DATA_URL: aws.endpoint_url,
        }
        servers = []
        for name, offset in OFFSETS.items():
            server = Server(name, offset, environment, proxy=proxy, log=log, output=folder / f"{name}.log")
            stack.callback(server.end)
            servers.append(server)
        progress = Progress(calls_log)
        for server in servers:
            if not wait_for(functools.partial(_is_up, server, progress), START):
                raise RuntimeError(f"{server.name} did not start within {START:g} s; see {folder}")
        proxy.tell("on")
        mishaps = _disturb(plan, servers, cloud, progress, console)
        console.print("all is sent, and all blows are struck; faults off, waiting for the rest")
        proxy.tell("off")
        left = _drain(cloud, servers, mishaps, size.limit)
        for server in servers:
            server.terminate()
        mishaps += filter(None, [server.wait() for server in servers])
        proxy.end()
        records = cloud.records()
        evidence = Evidence(
            sent=set(plan.runs),
            locked={run for run, first in plan.runs.items() if first.job in {job.name for job in locked}},
            records={run: Record.read(records[first.key]) for run, first in plan.runs.items() if first.key in records},
            calls=read_calls(read_lines(calls_log), read_lines(events_log), time.time() - time.monotonic()),
            writes=data.writes(),
            dead_letters=cloud.dead_letters(),
            left=left,
            mishaps=mishaps,
        )
    duplicates = sum(sending.duplicate for sending in plan.sendings)
    chaos = report.happened(evidence, duplicates, read_lines(events_log), read_lines(faults_log))
    return report.show(console, judge(evidence), chaos, repeat=repeat)


def _is_up(server: Server, progress: Progress) -> bool:
    if server.died:
        raise RuntimeError(f"{server.died}:\n{server.output}")
    return progress.is_up(server.pid)


def _disturb(plan: Plan, servers: list[Server], cloud: Cloud, progress: Progress, console: Console) -> list[str]:
    """Send and strike, as planned; returns once all is done."""
    begun = time.monotonic()
    mishaps: list[str] = []

    def strike(server: Server, number: int) -> None:
        time.sleep(LEAD)
        for blow in plan.blows[number]:
            time.sleep(blow.wait)
            busy = functools.partial(progress.is_busy, server.pid, *WANTED[blow.kind])
            wait_for(lambda: busy() or server.died is not None, BUSY)  # noqa: B023 - asked within this turn
            if died := server.died:
                mishaps.append(died)
                return
            console.print(f"{time.monotonic() - begun:6.1f} s  {blow.kind} {server.name} for {blow.seconds:.1f} s")
            server.suffer(blow)
            time.sleep(blow.seconds)
            server.recover(blow)

    threads = [
        threading.Thread(target=strike, args=(server, number), daemon=True) for number, server in enumerate(servers)
    ]
    for thread in threads:
        thread.start()
    for batch in _batches(plan.sendings):
        wait_until(begun + batch[0].at)
        cloud.send(batch)
    for thread in threads:
        thread.join()
    return mishaps


def _batches(sendings: list[Sending]) -> Iterator[list[Sending]]:
    """What is due within a quarter of a second, ten at most: together, at the time of the first."""
    batch: list[Sending] = []
    for sending in sendings:
        if batch and (len(batch) == 10 or sending.at > batch[0].at + 0.25):
            yield batch
            batch = []
        batch.append(sending)
    if batch:
        yield batch


def _drain(cloud: Cloud, servers: list[Server], mishaps: list[str], limit: float) -> int:
    """Wait until the queue is empty, up to `limit` seconds; returns how many messages are left."""
    end = time.monotonic() + limit
    while (left := cloud.messages) and time.monotonic() < end and not any(server.died for server in servers):
        time.sleep(0.5)
    mishaps += {died for server in servers if (died := server.died)} - set(mishaps)
    return left
