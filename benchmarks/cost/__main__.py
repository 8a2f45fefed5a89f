"""Counts what runs cost at AWS; about two minutes: `python -m benchmarks.cost --help`"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.cost.counting import count
from benchmarks.cost.page import render

from rota.testing.local_aws import local_aws

HERE = Path(__file__).resolve().parent
COUNTED, BENCH, PAGE = HERE / "counted.json", HERE.parent / "results.json", HERE.parents[1] / "docs" / "cost.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write counted.json and docs/cost.md")
    parser.add_argument("--render", action="store_true", help="count nothing: write docs/cost.md from what was counted")
    options = parser.parse_args()
    if options.render:
        counted = json.loads(COUNTED.read_text(encoding="utf-8"))
    else:
        with local_aws() as aws, tempfile.TemporaryDirectory(prefix="rota-cost-") as folder:
            counted = count(aws, Path(folder), lambda text: print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True))
    page = render(counted, json.loads(BENCH.read_text(encoding="utf-8")))
    print(f"\n{page}")
    if options.write:
        COUNTED.write_text(json.dumps(counted, indent=1) + "\n", encoding="utf-8")
    if options.write or options.render:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
