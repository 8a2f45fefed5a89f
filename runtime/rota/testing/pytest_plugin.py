"""The pytest plugin: a ``local_aws`` fixture, one local AWS for the session.

    def test_a_job_arrives(local_aws):
        local_aws.deploy("my_app")

``--rota-local-aws-tick SECONDS`` is the time between two looks at rules and schedules (default: ministack's 10).
Nothing is imported, installed or started for a session in which no test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rota.testing.local_aws import LocalAws


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    parser.getgroup("rota").addoption(
        "--rota-local-aws-tick",
        type=float,
        default=None,
        metavar="SECONDS",
        help="how often the local AWS looks at rules and schedules (default: every 10 s)",
    )


@pytest.fixture(scope="session", name="local_aws")
def local_aws_fixture(request: pytest.FixtureRequest) -> Iterator[LocalAws]:
    """A running local AWS that the whole session shares; under pytest-xdist, each worker has its own."""
    from rota.testing.local_aws import local_aws

    with local_aws(tick=request.config.getoption("--rota-local-aws-tick")) as aws:
        yield aws
