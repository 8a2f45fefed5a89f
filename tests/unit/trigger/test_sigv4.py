"""The signature of requests to AWS, beside botocore's own."""

from datetime import UTC, datetime

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from rota.trigger.sigv4 import Credentials, signed

NOW = datetime(2026, 11, 21, 11, 5, 7, tzinfo=UTC)


@given(
    body=st.binary(max_size=200),
    token=st.one_of(st.none(), st.just("token/+=")),
    service=st.sampled_from(["sqs", "secretsmanager", "elasticloadbalancing", "ec2"]),
    region=st.sampled_from(["eu-west-1", "cn-north-1"]),
    target=st.text("abc .XYZ", max_size=20),
)
def test_it_is_what_botocore_signs(body: bytes, token: str | None, service: str, region: str, target: str) -> None:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
    host = f"{service}.{region}.amazonaws.com"
    ours = signed(
        {**headers, "host": host},
        credentials=Credentials("AKIA", "secret", token),
        service=service,
        region=region,
        path="/",
        body=body,
        now=NOW.timestamp(),
    )
    request = AWSRequest("POST", f"https://{host}/", data=body, headers=headers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
        auth.SigV4Auth(BotoCredentials("AKIA", "secret", token), service, region).add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
    assert ours.get("x-amz-security-token") == request.headers.get("X-Amz-Security-Token")


def test_the_secret_is_in_no_repr() -> None:
    shown = repr(Credentials("AKIA", "very-secret", "session-secret"))
    assert "secret" not in shown
    assert "AKIA" in shown
