"""The proxy as a process: prints its URL; SIGUSR1 begins the faults, SIGUSR2 ends them, SIGTERM ends the process, with
a last line of how many requests there were."""

import argparse
import signal
import threading
from pathlib import Path

from chaos.lines import LineLog
from chaos.orphans import end_with_parent
from chaos.proxy.faults import Faults
from chaos.proxy.server import Proxy


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m chaos.proxy", description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--outages", type=int, required=True)
    parser.add_argument("--during", type=float, required=True, help="seconds within which outages begin")
    parser.add_argument("--cut-off", nargs="*", default=[], help="servers, by their access keys, that are cut off once")
    options = parser.parse_args()
    faults = Faults(options.seed, outages=options.outages, during=options.during, servers=options.cut_off)
    log = LineLog(options.log)
    proxy = Proxy(options.upstream, faults, log)
    end = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: faults.on())
    signal.signal(signal.SIGUSR2, lambda *_: faults.off())
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    end_with_parent()
    print(proxy.url, flush=True)  # noqa: T201 - the parent reads it
    end.wait()
    log.write(asked=faults.asked)


if __name__ == "__main__":
    main()
