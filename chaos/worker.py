"""One server of the fleet: a worker until SIGTERM. `python -m chaos.worker --offset -30`"""

import argparse
import logging
import signal
import sys
import threading
from datetime import timedelta

from chaos.clock import OffsetClock
from chaos.handlers import tell_up
from chaos.jobs import manifest
from chaos.orphans import end_with_parent

from rota.worker import Worker

LONG_POLL = timedelta(seconds=2)
"""Short, so that a stop is quick."""
HAND_BACK_DELAY = timedelta(seconds=3)
"""How long a run stays away that meets an outage of the ledger. Short, so that more of them meet the next one."""


def main() -> int:
    """Run jobs; 0 when all have finished at the end."""
    parser = argparse.ArgumentParser(prog="python -m chaos.worker", description=__doc__)
    parser.add_argument("--offset", type=float, default=0, help="seconds that its clock is off")
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
    )
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    end_with_parent()
    clock = OffsetClock(timedelta(seconds=options.offset))
    worker = Worker(
        manifest, concurrency=options.concurrency, long_poll=LONG_POLL, hand_back_delay=HAND_BACK_DELAY, clock=clock
    ).start()
    tell_up()
    end.wait()
    return 0 if worker.stop_and_exit() else 1


if __name__ == "__main__":
    sys.exit(main())
