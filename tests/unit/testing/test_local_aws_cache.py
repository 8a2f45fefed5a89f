import multiprocessing
import time
from pathlib import Path

import pytest

from rota.testing.local_aws import LocalAwsError
from rota.testing.local_aws.cache import build_once


def test_what_exists_is_not_built_again(tmp_path: Path) -> None:
    built: list[Path] = []
    folder = tmp_path / "cache" / "thing-1"
    assert build_once(folder, built.append) == folder
    assert build_once(folder, built.append) == folder
    assert len(built) == 1


def test_a_failed_build_leaves_nothing_to_be_used(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        folder.joinpath("half").touch()
        raise LocalAwsError("no network")

    folder = tmp_path / "thing-1"
    with pytest.raises(LocalAwsError, match="no network"):
        build_once(folder, fail)
    assert [each.name for each in tmp_path.iterdir()] == ["thing-1.lock"]


def test_what_a_killed_build_left_is_never_used(tmp_path: Path) -> None:
    tmp_path.joinpath("thing-1.unfinished").mkdir()
    tmp_path.joinpath("thing-1.unfinished", "half").touch()
    folder = build_once(tmp_path / "thing-1", lambda folder: folder.joinpath("whole").touch())
    assert [each.name for each in folder.iterdir()] == ["whole"]


def test_a_cache_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    with pytest.raises(LocalAwsError, match="ROTA_CACHE"):
        build_once(tmp_path / "file" / "thing-1", lambda _: None)


def _build_slowly(folder: Path) -> None:
    def build(unfinished: Path) -> None:
        with folder.with_name("builds").open("a") as builds:
            builds.write("x")
        time.sleep(0.3)

    build_once(folder, build)


def test_two_processes_at_once_build_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_build_slowly, args=(tmp_path / "thing-1",)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert tmp_path.joinpath("builds").read_text() == "x"
