"""The settings that servers read."""

import pytest

from rota import Manifest, Queue
from rota.settings import LedgerSettings, QueueSettings, Settings
from rota_cdk import SynthError
from rota_cdk.testing import synth


def _parameter(template, of_type):
    (parameter,) = of_type(template, "AWS::SSM::Parameter")
    return parameter


def test_the_parameter_decodes_once_cloudformation_has_put_in_the_urls(template, of_type, resolved):
    parameter = _parameter(template, of_type)
    settings = Settings.decode(resolved(parameter["Value"]), source="test")

    assert parameter["Name"] == "/rota/shop/staging"
    assert (settings.manifest, settings.stage) == ("shop", "staging")
    assert set(settings.queues) == {"billing", "reports"}
    resources = template["Resources"]
    urls = settings.queues["billing"]
    assert resources[urls.url]["Properties"]["QueueName"] == "shop-staging_billing"
    assert resources[urls.dead_letter_url]["Properties"]["QueueName"] == "shop-staging_billing_dead"
    assert resources[urls.undelivered_url]["Properties"]["QueueName"] == "shop-staging_billing_undelivered"
    assert resources[settings.ledger.table]["Properties"]["TableName"] == "shop-staging_ledger"


def test_containers_get_the_same_settings_in_their_environment(stack, deploy, as_json, of_type, resolved):
    rota = deploy(stage="staging")
    environment = stack.resolve(rota.environment)

    assert environment["ROTA_STAGE"] == "staging"
    written = Settings.decode(resolved(environment["ROTA_SETTINGS"]), source="test")
    assert written == Settings.decode(resolved(_parameter(as_json(stack), of_type)["Value"]), source="test")


def test_ssm_makes_the_parameter_an_advanced_one_when_it_needs_to(template, of_type):
    assert _parameter(template, of_type)["Tier"] == "Intelligent-Tiering"


def test_more_queues_than_a_parameter_can_name_are_refused_with_the_way_out(declare):
    jobs = [
        declare(f"job-{index}", target=Queue(name=f"a-queue-with-a-rather-long-name-{index}")) for index in range(40)
    ]

    with pytest.raises(
        SynthError, match=r"manifest 'shop': its settings come to about \d+ bytes, .* takes 8192; .*split"
    ):
        synth(Manifest(name="shop", jobs=jobs))


def test_the_estimate_is_never_below_the_real_size(declare, of_type, resolved):
    from rota_cdk.rota import _longest_settings

    manifest = Manifest(name="shop", jobs=[declare("one")])
    host = "https://sqs.ap-northeast-1.amazonaws.com/123456789012/"
    real = Settings(
        manifest="shop",
        stage="default",
        queues={
            "billing": QueueSettings(
                url=f"{host}shop-default_billing",
                dead_letter_url=f"{host}shop-default_billing_dead",
                undelivered_url=f"{host}shop-default_billing_undelivered",
            )
        },
        ledger=LedgerSettings(table="shop-default_ledger"),
    )

    assert len(_longest_settings(manifest, "default", ())) >= len(real.encode())
