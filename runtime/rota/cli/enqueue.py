"""`rota enqueue`: ask for one run."""

import sys
from datetime import timedelta
from typing import Annotated

import typer

from rota.cli.inputs import payload_of
from rota.cli.loading import find_job, load_manifest
from rota.cli.options import DEFAULT_MANIFEST, JsonOption, ManifestOption
from rota.cli.output import out, print_json
from rota.cli.records import spell_place


def enqueue(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job's name.")],
    payload: Annotated[
        str | None,
        typer.Argument(
            metavar="PAYLOAD", help="The payload as JSON, or - to read it from stdin; the job's input unless given."
        ),
    ] = None,
    delay: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Seconds from now, up to 900.")] = 0,
    manifest: ManifestOption = DEFAULT_MANIFEST,
    as_json: JsonOption = False,
) -> None:
    """Enqueue one run of a job, and print its run id.

    For example: rota enqueue send-invoice '{"order_id": 7}'
    """
    from rota import backends
    from rota.client import Client

    declared = load_manifest(manifest)
    found = find_job(declared, job)
    text = sys.stdin.read() if payload == "-" else payload
    value = payload_of(found, text, example=f"rota enqueue {job} '{{...}}'")
    settings = backends.settings_of(declared.name)
    client = Client(declared, backend=backends.queue_backend(declared.name, settings=settings))
    run = client.enqueue(found, value, delay=timedelta(seconds=delay))
    queue = found.queue.name
    url = settings.queues[queue].url
    if as_json:
        targets = [target.name for target in found.targets]
        print_json(
            {
                "run": run,
                "job": job,
                "targets": targets,
                "queue": queue,
                "url": url,
                "stage": settings.stage,
                "delay": delay,
            }
        )
        return
    out().print(f"{job} is enqueued: run {run}", style="bold")
    due = f", due in {delay} s" if delay else ""
    out().print(f"  {spell_place(found)}, stage {settings.stage}, {url}{due}")
