"""What a run costs at AWS: requests and units, counted from real requests to the local AWS; see docs/cost.md.

`python -m benchmarks.cost` counts and prints; with `--write` it writes counted.json and docs/cost.md.
"""
