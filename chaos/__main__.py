"""Kills, stops and misleads a fleet of real workers on the local AWS, and counts what became of their runs."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.plan import FULL, MINUTE
from chaos.report import Verdict
from chaos.run import run
from rich.console import Console


def main() -> int:
    """0 when all is well, 1 when something was lost, or twice, 2 when too little happened to prove anything."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minute", action="store_true", help="fewer runs and blows, about a minute and a half")
    parser.add_argument("--seed", type=int, help="what is sent and what goes wrong; a new one unless given")
    parser.add_argument("--keep", type=Path, help="an empty folder for the logs; kept anyway when something is wrong")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    folder = options.keep or Path(tempfile.mkdtemp(prefix="rota-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    repeat = f"python -m chaos --seed {seed}{' --minute' if options.minute else ''}"
    console.print(f"seed {seed}, logs in {folder}")
    verdict = run(seed, MINUTE if options.minute else FULL, folder, console, repeat=repeat)
    if verdict is Verdict.HELD and options.keep is None:
        shutil.rmtree(folder)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
