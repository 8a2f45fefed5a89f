"""What `make bench` holds rota to: an aim is met on its bound, and not beyond it."""

from typing import Any

import pytest
from benchmarks.aims import Aim, check


@pytest.mark.parametrize(
    ("aim", "bound", "verdict"),
    [
        (Aim("cpu", 1.3, most=1.3), "≤ 1.3", "met"),
        (Aim("cpu", 1.31, most=1.3), "≤ 1.3", "not met"),
        (Aim("pace", 0.95, least=0.95), "≥ 0.95", "met"),
        (Aim("pace", 0.949, least=0.95), "≥ 0.95", "not met"),
        (Aim("starts", 24, 24, 24), "= 24", "met"),
        (Aim("starts", 25, 24, 24), "= 24", "not met"),
        (Aim("starts", 23, 24, 24), "= 24", "not met"),
        (Aim("lost", 1, 0, 0), "= 0", "not met"),
        (Aim("cpu", 9.9), "-", "reported"),
    ],
)
def test_an_aim_is_met_on_its_bound_and_not_beyond(aim: Aim, bound: str, verdict: str) -> None:
    assert (aim.bound, aim.verdict) == (bound, verdict)


def failures(**changes: int) -> dict[str, Any]:
    """The results of a run in which nothing went wrong, but for `changes`."""
    found = {"starts": 1, "backlog": 24, "back": 8, "lost": 0} | changes
    signal = {"jobs": 12, "running_at_signal": 4, "came_back_at_once": found["back"], "lost": found["lost"]}
    return {
        "long_job": {"rota": {"starts": found["starts"]}},
        "backlog": {"rota": {"jobs": 24, "starts": found["backlog"]}},
        "sigterm": {"rota": signal},
        "sigkill": {"rota": signal},
    }


def test_one_start_all_unstarted_back_nothing_lost_is_met() -> None:
    assert [aim.verdict for aim in check(failures())] == ["met"] * 6


@pytest.mark.parametrize("change", [{"starts": 2}, {"backlog": 25}, {"back": 7}, {"lost": 1}])
def test_any_other_failure_number_is_not(change: dict[str, int]) -> None:
    assert "not met" in [aim.verdict for aim in check(failures(**change))]


def cold_start(ratio: float, asset: int) -> dict[str, Any]:
    ratios = {"requests + boto3": [ratio] * 3, "axios + AWS SDK, Node": [2 * ratio] * 3}
    ways = {way: {"cpu_ms": {}, "ratios": ratios} for way in ("http", "https")}
    return {"cold_start": ways | {"asset_bytes": asset, "asset_files": 20}}


def test_the_cold_start_is_held_to_a_share_of_its_peers_and_the_asset_to_its_size() -> None:
    over_tls = ["reported"] * 2
    assert [aim.verdict for aim in check(cold_start(0.25, 102_400))] == ["met"] * 2 + over_tls + ["met"]
    assert [aim.verdict for aim in check(cold_start(0.26, 102_401))] == ["not met"] * 2 + over_tls + ["not met"]


def synth(ratio: float, few: float, many: float) -> dict[str, Any]:
    def row(ms: float) -> dict[str, Any]:
        return {"a_job": {"rota": {"cpu_ms": ms}}, "ratios": [ratio] * 3}

    return {"synth": {"jobs": {"1000": row(few), "10000": row(many)}}}


def test_synth_is_held_to_a_share_of_the_l2_idiom_and_to_linear_growth() -> None:
    assert [aim.verdict for aim in check(synth(0.30, 1.0, 1.15))] == ["met"] * 3
    assert [aim.verdict for aim in check(synth(0.31, 1.0, 1.16))] == ["not met"] * 3
    (*_, growth) = check(synth(0.30, 1.0, 0.6))
    # (10,000 x 0.6 - 1,000 x 1.0) / 9,000
    assert growth.detail == "each of the further 9,000: 0.56 ms, of the first 1,000: 1.00 ms"


def test_a_quick_run_has_no_growth() -> None:
    found = synth(0.30, 1.0, 1.0)
    del found["synth"]["jobs"]["10000"]
    assert [aim.what for aim in check(found)] == [
        "CPU a job of construct and synth, times L2 Schedule + SqsSendMessage: 1,000 jobs"
    ]
