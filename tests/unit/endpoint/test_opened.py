"""What a server finds when the first run comes: settings, keys, a ledger, or none of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rota import Endpoint, Lock, SettingsError, backends
from rota.clock import Clock
from rota.endpoint.core import Pending
from rota.endpoint.replay import BoundedStore
from rota.errors import NoDeploymentError
from rota.ledger import Ledger
from rota.locks.base import LockProvider
from rota.settings import LedgerSettings, Settings

if TYPE_CHECKING:
    from tests.unit.endpoint.conftest import Site

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEYS = json.dumps({"keys": [{"id": "k1", "secret": SECRET}]})
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop"
DEPLOYED = Settings(manifest="shop", stage="default", queues={}, ledger=LedgerSettings(table="t"), keys=ARN)


class Deployment:
    """What a deployment tells a server, and how often it was asked."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: Settings | Exception = DEPLOYED
        self.asked: list[str] = []
        self.connections = 0

        def settings_of(manifest: str) -> Settings:
            self.asked.append(manifest)
            if isinstance(self.settings, Exception):
                raise self.settings
            return self.settings

        def ledger(
            settings: Settings, *, connections: int, locks: Mapping[str, LockProvider], clock: Clock
        ) -> Ledger | None:
            self.connections = connections
            return site.ledger if settings.ledger else None

        monkeypatch.setattr(backends, "settings_of", settings_of)
        monkeypatch.setattr(backends, "ledger", ledger)
        monkeypatch.setattr("rota.aws.secrets.secret_reader", lambda arn: lambda: KEYS if arn == ARN else "")


@pytest.fixture
def deployment(site: Site, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return Deployment(site, monkeypatch)


def bare(site: Site, **given: Any) -> Any:
    return site.core(ledger=None, keys=None, **given)


def remembered(core: Any) -> object:
    return core._opened.runner._admission._ledger._store


def test_nothing_is_asked_before_the_first_run(site: Site, deployment: Deployment) -> None:
    site.declare()
    core = bare(site)
    assert core.trouble() == []
    assert deployment.asked == []
    assert site.post(core).status == 200
    assert site.post(core).status == 200
    assert deployment.asked == ["shop"]
    assert len(site.ledger.list("work")[0]) == 1
    assert deployment.connections == 5, "one for each thread, and one for the renewer"


def test_a_deployment_without_a_ledger_is_remembered_here_and_said_aloud(
    site: Site, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.settings = Settings(manifest="shop", stage="default", queues={}, keys=ARN)
    site.declare()
    core = bare(site)
    assert [site.post(core).status for _ in range(2)] == [200, 200]
    assert len(site.runs) == 1
    assert isinstance(remembered(core), BoundedStore)
    (said,) = [record.message for record in caplog.records]
    assert "endpoint web has no ledger: a run that is posted to two processes runs twice" in said


def test_an_endpoint_that_declares_none_is_not_warned_of(
    site: Site, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    site.declare(target=Endpoint(name="web", ledger=False))
    core = bare(site)
    assert site.post(core).status == 200
    assert isinstance(remembered(core), BoundedStore)
    assert caplog.records == []


@pytest.mark.parametrize("ledger", [True, False])
def test_a_lock_that_would_hold_in_one_process_only_is_no_lock(
    site: Site, deployment: Deployment, caplog: pytest.LogCaptureFixture, ledger: bool
) -> None:
    deployment.settings = Settings(manifest="shop", stage="default", queues={}, keys=ARN)
    site.declare(target=Endpoint(name="web", ledger=ledger), lock=Lock())
    assert site.post(bare(site)).status == 503
    assert "job 'work' has lock=, and there is no ledger" in caplog.text
    assert site.runs == []


def test_a_provider_that_is_not_given_is_named(
    site: Site, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    site.declare(lock=Lock(provider="redis"))
    assert site.post(bare(site)).status == 503
    assert (
        "job 'work': lock: there is no provider 'redis'; give RotaMiddleware(..., locks={'redis': ...})" in caplog.text
    )


def test_keys_of_the_code_do_without_a_deployment(
    site: Site, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.settings = NoDeploymentError("there is no parameter")
    site.declare(lock=Lock(), timeout=None)
    core = site.core(ledger=None)
    assert site.post(core).status in (200, 202)
    assert core.stop()
    assert len(site.runs) == 1
    assert "there is no deployment (there is no parameter): this is for development" in caplog.text


def test_keys_of_the_environment_are_no_sign_of_development(
    site: Site, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.settings = NoDeploymentError("there is no parameter")
    site.declare()
    core = bare(site)
    assert site.post(core).status == 503, "without keys there is nothing to verify with"
    monkeypatch.setenv("ROTA_KEYS", KEYS)
    site.clock.advance(5)
    assert site.post(core).status == 503, "or the servers of a fleet would each remember their own runs"
    assert core.trouble() == ["its settings, keys or ledger cannot be found"]
    assert "there is no parameter; the trigger believes in the ledger of endpoint 'web'" in caplog.text
    assert site.runs == []
    deployment.settings = DEPLOYED
    site.clock.advance(5)
    assert site.post(core).status == 200
    assert core.trouble() == []
    assert len(site.ledger.list("work")[0]) == 1


def test_keys_of_the_environment_are_enough_where_no_ledger_is_declared(
    site: Site, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROTA_KEYS", KEYS)
    site.declare(target=Endpoint(name="web", ledger=False))
    assert site.post(bare(site)).status == 200
    assert deployment.asked == []


@pytest.mark.parametrize("ledger", [True, False])
@pytest.mark.parametrize("timeout", [None, timedelta(seconds=56)])
def test_without_a_ledger_what_would_be_asked_for_again_is_not_started(
    site: Site, deployment: Deployment, caplog: pytest.LogCaptureFixture, ledger: bool, timeout: timedelta | None
) -> None:
    deployment.settings = Settings(manifest="shop", stage="default", queues={}, keys=ARN)
    web = Endpoint(name="web", ledger=ledger)
    site.declare(target=web, timeout=timeout)
    site.declare("harmless", target=web, timeout=timeout, idempotent=True)
    core = bare(site)
    answer = site.post(core)
    assert (answer.status, answer.said) == (503, {"title": "Service Unavailable", "status": 503})
    assert "retry-after" not in answer.headers, "a deploy changes it, and nothing sooner"
    assert "job work, run r1 is not started: endpoint web has no ledger" in caplog.text
    assert "timeout=" in caplog.text
    assert core.trouble() == []
    assert site.post(core, site.run_of(job="harmless")).status == 202
    assert core.stop()
    assert [run.job for run in site.runs] == ["harmless"]


def test_without_a_ledger_what_takes_longer_than_it_may_has_an_unknown_outcome(
    site: Site, deployment: Deployment
) -> None:
    gate = site.gate()
    site.declare(target=Endpoint(name="web", ledger=False), handle=gate)
    core, request = bare(site), site.request()
    first = core.take(request.headers, request.body)
    gate.wait_until_in()
    again = core.take(request.headers, request.body)
    assert isinstance(first, Pending)
    assert isinstance(again, Pending)
    assert first.late.status == again.late.status == 504, "202 would have another server asked, which knows nothing"
    gate.may_go.set()
    assert [one.answer.result(10).status for one in (first, again)] == [200, 200]
    assert len(gate.runs) == 1


def test_settings_that_cannot_be_read_now_are_no_sign_of_development(
    site: Site, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.settings = SettingsError("AWS does not answer")
    monkeypatch.setenv("ROTA_KEYS", KEYS)
    site.declare()
    assert site.post(bare(site)).status == 503, "or the servers of a fleet would each remember their own runs"
    assert site.runs == []


def test_keys_that_are_none_are_an_error_in_the_log(
    site: Site, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ROTA_KEYS", "whsec_")
    site.declare()
    assert site.post(bare(site)).status == 503
    assert "endpoint web cannot take runs: the secret must read" in caplog.text


def test_a_deployment_without_keys_says_what_to_type(
    site: Site, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.settings = Settings(manifest="shop", stage="default", queues={})
    site.declare()
    assert site.post(bare(site)).status == 503
    assert "the deployment of 'shop', stage 'default', has no keys; deploy its endpoints: `cdk deploy`" in caplog.text
