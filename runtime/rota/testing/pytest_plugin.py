"""The pytest plugin: fixtures for the manifest, the snapshot of its schedules, and a local AWS.

    def test_handlers_agree(rota_manifest):
        assert_handlers(rota_manifest)

    def test_what_will_run_when(rota_snapshot):
        rota_snapshot("schedules.txt")      # beside this file; `pytest --rota-update` writes it

    def test_a_job_arrives(local_aws):
        local_aws.deploy("my_app")

``rota_manifest = "shop.jobs:manifest"`` among pytest's settings, or ``--rota-manifest``, says where the manifest is
(default: jobs:manifest, as for the `rota` command). ``--rota-local-aws-tick SECONDS`` is the time between two looks at
rules and schedules (default: ministack's 10). Nothing is imported, installed or started for a session in which no test
asks for a fixture.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rota.manifest import Manifest
    from rota.testing.local_aws import LocalAws


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    where = "where the manifest is, as module:attribute (default: jobs:manifest)"
    parser.addini("rota_manifest", where, default="jobs:manifest")
    group = parser.getgroup("rota")
    group.addoption("--rota-manifest", metavar="MANIFEST", help=f"{where}; goes before the setting rota_manifest")
    group.addoption(
        "--rota-update", action="store_true", help="write the snapshots of what will run when, instead of comparing"
    )
    group.addoption(
        "--rota-local-aws-tick",
        type=float,
        default=None,
        metavar="SECONDS",
        help="how often the local AWS looks at rules and schedules (default: every 10 s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tells the helpers that are no fixtures."""
    from rota.testing import options

    options.update_snapshots = config.getoption("--rota-update")


@pytest.fixture(scope="session")
def rota_manifest(request: pytest.FixtureRequest) -> Manifest:
    """The manifest that pytest's setting `rota_manifest` or the option `--rota-manifest` names."""
    from rota.cli.loading import load_manifest
    from rota.errors import RotaError

    config = request.config
    where = config.getoption("--rota-manifest") or config.getini("rota_manifest")
    if (root := str(config.rootpath)) not in sys.path:
        sys.path.insert(0, root)  # wherever pytest is called from
    try:
        return load_manifest(where)
    except RotaError as error:
        problem = str(error)
    # Not where it is caught: pytest would print it once more, as what happened before.
    pytest.fail(
        f'{problem}\nsay where it is: rota_manifest = "shop.jobs:manifest" among pytest\'s settings, '
        "or pytest --rota-manifest",
        pytrace=False,
    )


@pytest.fixture
def rota_snapshot(request: pytest.FixtureRequest, rota_manifest: Manifest) -> Callable[..., None]:
    """`assert_schedule_snapshot` of the manifest: `rota_snapshot("schedules.txt")`, a path beside the test's file, and
    its other arguments."""
    from rota.testing.snapshot import assert_schedule_snapshot

    def check(path: str = "schedules.txt", **more: Any) -> None:
        __tracebackhide__ = True
        assert_schedule_snapshot(rota_manifest, request.path.parent / path, **more)

    return check


@pytest.fixture(scope="session", name="local_aws")
def local_aws_fixture(request: pytest.FixtureRequest) -> Iterator[LocalAws]:
    """A running local AWS that the whole session shares; under pytest-xdist, each worker has its own."""
    from rota.testing.local_aws import local_aws

    with local_aws(tick=request.config.getoption("--rota-local-aws-tick")) as aws:
        yield aws
