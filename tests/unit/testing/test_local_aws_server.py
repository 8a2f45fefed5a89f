import sys
from pathlib import Path

import pytest

from rota.testing.local_aws import LocalAwsError, local_aws
from rota.testing.local_aws.server import Server


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path) -> None:
    # This Python has no ministack.
    with pytest.raises(LocalAwsError, match=r"(?s)ministack has ended; the end of its log:.*No package.*ministack"):
        Server(Path(sys.executable), tmp_path, tmp_path / "ministack.log", tick=None)


def test_a_tick_is_more_than_nothing() -> None:
    with pytest.raises(ValueError, match="seconds"), local_aws(tick=0):
        pass
