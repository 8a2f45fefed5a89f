"""`read_settings`: what a server reads of its deployment, and what it says where it cannot. On moto and on the local
AWS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, TokenRetrievalError, UnauthorizedSSOTokenError
from botocore.stub import Stubber

from rota import backends
from rota.aws import parameters
from rota.aws.session import client
from rota.errors import SettingsError
from rota.queues.base import Outgoing
from rota.settings import QueueSettings, Settings

SETTINGS = Settings("shop", "staging", {"billing": QueueSettings("https://sqs/billing", "https://sqs/dead")})


def refused(manifest: str = "shop", stage: str = "staging") -> str:
    with pytest.raises(SettingsError) as caught:
        parameters.read_settings(manifest, stage)
    assert "\n" not in str(caught.value), "it is one line"
    return str(caught.value)


class OnAws:
    """Wherever boto3 talks to."""

    @pytest.fixture
    def ssm(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def written(self, ssm: Any) -> Iterator[Callable[[str], None]]:
        def write(value: str) -> None:
            ssm.put_parameter(Name="/rota/shop/staging", Value=value, Type="String", Overwrite=True)

        yield write
        ssm.delete_parameters(Names=["/rota/shop/staging"])

    def test_what_a_deployment_wrote_is_read(self, written: Callable[[str], None]) -> None:
        written(SETTINGS.encode())
        assert parameters.read_settings("shop", "staging") == SETTINGS

    def test_no_deployment(self, ssm: Any) -> None:
        assert refused(stage="nowhere") == (
            "there is no parameter /rota/shop/nowhere in this account and region; type: cdk deploy "
            "(or choose another stage with ROTA_STAGE)"
        )

    def test_a_deployment_by_another_version(self, written: Callable[[str], None]) -> None:
        written('{"version":2}')
        assert refused() == (
            "parameter /rota/shop/staging has settings version 2, and this rota reads version 1: install the rota of "
            "the deployment, `pip install --upgrade rota`, or deploy again, `cdk deploy`"
        )

    def test_a_parameter_of_something_else(self, written: Callable[[str], None]) -> None:
        written("hello")
        assert refused().startswith("parameter /rota/shop/staging does not hold rota settings (")

    def test_the_stage_is_that_of_the_process(
        self, written: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(SETTINGS.encode())
        monkeypatch.setenv("ROTA_STAGE", "staging")
        assert backends.settings_of("shop") == SETTINGS


class TestOnMoto(OnAws):
    @pytest.fixture
    def ssm(self, in_moto: None) -> Any:
        return client("ssm")


class TestOnLocalAws(OnAws):
    @pytest.fixture
    def ssm(self, on_local_aws: None) -> Any:
        return client("ssm")

    def test_a_process_finds_its_queues(
        self, ssm: Any, written: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, make_queue: Callable[..., str]
    ) -> None:
        sqs = client("sqs")
        url, dead = make_queue(sqs), make_queue(sqs)
        written(Settings("shop", "staging", {"billing": QueueSettings(url, dead)}).encode())
        monkeypatch.setenv("ROTA_STAGE", "staging")
        backend = backends.queue_backend("shop")
        backend.queue("billing").send([Outgoing("live")])
        backend.dead_letters("billing").send([Outgoing("dead")])
        assert [message.body for message in backend.queue("billing").receive(1, 0)] == ["live"]
        assert [message.body for message in backend.dead_letters("billing").receive(1, 0)] == ["dead"]


# Machines that are not set up


def test_no_region(clean_environment: None) -> None:
    assert refused() == "no AWS region is set; type: export AWS_DEFAULT_REGION=eu-west-1 (or `aws configure`)"


def test_no_credentials(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert refused() == "no AWS credentials are found; type: aws configure (or `aws sso login`)"


def test_half_of_the_credentials(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    assert refused() == "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY; type: aws configure"


def test_a_profile_that_is_not_there(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert refused() == "The config profile (nobody) could not be found; type: aws configure"


# Answers that neither moto nor the local AWS gives


@contextmanager
def answering(code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ssm = client("ssm")
    with Stubber(ssm) as service:
        service.add_client_error("get_parameter", code, "said AWS", http_status_code=400)
        monkeypatch.setattr(parameters, "client", lambda _: ssm)
        yield


def test_a_role_that_may_not_read(in_moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering("AccessDeniedException", monkeypatch):
        assert refused() == (
            "parameter /rota/shop/staging cannot be read: An error occurred (AccessDeniedException) when calling the "
            "GetParameter operation: said AWS; this role needs ssm:GetParameter on it"
        )


@pytest.mark.parametrize(
    "code",
    ["ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"],
)
def test_credentials_that_aws_does_not_accept(in_moto: None, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    with answering(code, monkeypatch):
        assert refused() == f"AWS does not accept these credentials ({code}); type: aws configure"


def test_any_other_trouble_blames_nobody(in_moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering("ThrottlingException", monkeypatch):
        assert refused() == (
            "parameter /rota/shop/staging cannot be read: An error occurred (ThrottlingException) when calling the "
            "GetParameter operation: said AWS"
        )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnauthorizedSSOTokenError(), "; type: aws sso login"),
        (TokenRetrievalError(provider="sso", error_msg="Token has expired"), "; type: aws sso login"),
        (EndpointConnectionError(endpoint_url="https://ssm"), 'Could not connect to the endpoint URL: "https://ssm"'),
    ],
)
def test_trouble_before_the_request(
    in_moto: None, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    ssm = client("ssm")

    def get_parameter(**_: Any) -> None:
        raise error

    monkeypatch.setattr(ssm, "get_parameter", get_parameter)
    monkeypatch.setattr(parameters, "client", lambda _: ssm)
    assert refused().endswith(said)
