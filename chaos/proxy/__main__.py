"""The proxy as a process: prints its URL, and does what the lines of its standard input say: `on` begins the faults,
`off` ends them, `cut SERVER SERVICE` and `join SERVER` are about one server. The end of its input, or of its parent, is
its own; a last line of its log tells how many requests there were."""

import argparse
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from chaos.lines import LineLog
from chaos.proxy.faults import Faults
from chaos.proxy.server import Proxy


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m chaos.proxy", description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--outages", type=int, required=True)
    parser.add_argument("--during", type=float, required=True, help="seconds within which outages begin")
    options = parser.parse_args()
    faults = Faults(options.seed, outages=options.outages, during=options.during)
    log = LineLog(options.log)
    proxy = Proxy(options.upstream, faults, log)
    commands: dict[str, Callable[..., None]] = {
        "on": faults.on,
        "off": faults.off,
        "cut": faults.cut,
        "join": faults.join,
    }
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    print(proxy.url, flush=True)  # noqa: T201 - the parent reads it
    for line in sys.stdin:
        command, *arguments = line.split()
        commands[command](*arguments)
    log.write(asked=faults.asked)


if __name__ == "__main__":
    main()
