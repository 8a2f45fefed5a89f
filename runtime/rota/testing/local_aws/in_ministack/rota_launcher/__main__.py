"""Starts the server on a free loopback port, tells the parent which, and ends with the parent or when told to."""

# ruff: noqa: SLF001 - private names of ministack's, all listed in private.py

import argparse
import asyncio
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from . import private
from .channel import take_stdout, tell

if TYPE_CHECKING:
    from .doors import Doors

_PARENT_CHECK = 0.5  # seconds
_IN_LAMBDA = Path(__file__).parents[1] / "in_lambda"
_DOORMAN = "ROTA_LOCAL_AWS_DOORMAN"  # as in_lambda/sitecustomize.py reads it


def main() -> None:
    parser = argparse.ArgumentParser("rota_launcher")
    parser.add_argument("--parent", type=int, required=True, help="the process to end with")
    parser.add_argument("--data", required=True, help="the private folder to remove if the parent cannot")
    parser.add_argument("--tick", type=float, help="seconds between two looks at rules and schedules")
    options = parser.parse_args()

    os.environ["PYTHONPATH"] = str(_IN_LAMBDA)  # it was for finding this package, and Lambdas inherit it
    # Bound here and handed over open, so that no other process can take the port in between.
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.environ["GATEWAY_PORT"] = str(port)  # ministack reads it as it is imported: queue URLs carry it

    answers = take_stdout()
    private.check()
    _correct(options.tick)
    threading.Thread(target=_end_with_parent, args=(options,), daemon=True).start()
    asyncio.run(_serve(listener, answers, options))


def _correct(tick: float | None) -> None:
    # They use the names just checked.
    from . import cloudformation, delivery, doors, network, schedule_pages, secret_resources, targets

    for each in (delivery, cloudformation, schedule_pages, secret_resources, network, doors, targets):
        each.install()
    if tick is not None:
        private.module("ministack.services.eventbridge")._SCHEDULER_TICK_INTERVAL = tick
        private.module("ministack.services.scheduler")._SCHEDULE_TICK_INTERVAL = tick


async def _serve(listener: socket.socket, answers: TextIO, options: argparse.Namespace) -> None:
    from .doors import Doors

    port = listener.getsockname()[1]
    doors = Doors(port)
    os.environ[_DOORMAN] = str(await doors.answer_names())
    control = (answers, options, doors, asyncio.get_running_loop())
    threading.Thread(target=_serve_control, args=control, daemon=True).start()
    tell(answers, {"port": port})
    hypercorn = private.module("hypercorn.asyncio")
    config = private.module("hypercorn.config").Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.2  # a long poll of 20 s must not hold the end up
    app = private.module("ministack.app").app
    await hypercorn.serve(doors.around(app), config)  # until SIGTERM
    _end_group()


def _serve_control(
    answers: TextIO, options: argparse.Namespace, doors: "Doors", loop: asyncio.AbstractEventLoop
) -> None:
    from .control import serve

    serve(answers, doors, loop)
    _end_without_parent(options.data)


def _end_with_parent(options: argparse.Namespace) -> None:
    # A process that the parent forked may hold the pipe open after the parent died, so its end alone is not enough.
    # (PR_SET_PDEATHSIG would be, but it follows the thread that started this process, and a thread may end earlier.)
    while os.getppid() == options.parent:
        time.sleep(_PARENT_CHECK)
    _end_without_parent(options.data)


def _end_without_parent(data: str) -> None:
    shutil.rmtree(data, ignore_errors=True)
    _end_group()


def _end_group() -> None:
    # Lambdas run as children. Started by hand, the group may be a shell's: then only this process ends.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
