"""The tables of limits."""

import pytest
from aws_cdk import Aws

from rota import RotaError
from rota_cdk import SynthError
from rota_cdk.validation import Limit, check

LIMITS = (
    Limit[str](lambda text: len(text) > 3, lambda text: f"{text!r} has more than 3 characters"),
    Limit[str](lambda text: "x" in text, lambda text: f"{text!r} has an x"),
)


def test_all_problems_are_told_at_once_with_their_subject():
    with pytest.raises(SynthError) as raised:
        check("job 'a'", "xxxx", LIMITS)

    assert str(raised.value) == "job 'a': 2 problems\n  - 'xxxx' has more than 3 characters\n  - 'xxxx' has an x"
    assert isinstance(raised.value, RotaError)


def test_what_is_known_only_at_deploy_passes():
    check("job 'a'", f"xxxx {Aws.REGION}", LIMITS)
