"""Measures rota's worker beside its peers; see README.md. `python -m benchmarks --help`"""

import argparse

from benchmarks import environment

PHASES = (
    *("imports", "cold_start", "synth", "throughput", "pace", "enqueue", "latency", "idle"),
    *("long_job", "backlog", "sigterm", "sigkill"),
)
QUICK_PHASES = ("imports", "cold_start", "synth", "throughput", "pace", "enqueue", "latency")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test of under 60 s: rota at 8 threads, one round")
    parser.add_argument("--only", type=_list, help="contenders beside the reference, such as rota,dramatiq")
    parser.add_argument("--phases", type=_list, help=f"of {','.join(PHASES)}")
    parser.add_argument(
        "--rounds", type=int, help="of rota and the reference, interleaved; 5 unless given, peers take part in 1"
    )
    parser.add_argument(
        "--write", action="store_true", help="write results.md and results.json; phases not measured stay"
    )
    options = parser.parse_args()
    if unknown := set(options.phases or ()) - set(PHASES):
        parser.error(f"no such phase: {', '.join(sorted(unknown))}")
    options.phases = options.phases or (QUICK_PHASES if options.quick else PHASES)
    options.rounds = options.rounds or (1 if options.quick else 5)
    environment.enter()

    from benchmarks.run import run

    run(options)


def _list(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    main()
