"""What an import costs, and what the package offers by which name."""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import rota
import rota.testing
import rota_cdk
import rota_cdk.testing

HEAVY = {
    "aws_cdk",
    "boto3",
    "botocore",
    "constructs",
    "cronsim",
    "jsii",
    "pydantic",
    "pydantic_core",
    "pytest",
    "rich",
    "rota.client",
    "rota.worker",
    "rota_cdk",
    "typer",
}


def modules_after(code: str) -> set[str]:
    """What a fresh Python has imported after `code`."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    # -I: as installed, whatever folder this is run in; -S would hide the packages too.
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_rota_imports_next_to_nothing() -> None:
    loaded = modules_after("import rota")
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("rota.")} == set()


def test_a_manifest_without_payloads_needs_no_pydantic() -> None:
    loaded = modules_after(
        "from rota import Every, Job, Manifest, Queue\n"
        "from datetime import timedelta\n"
        "job = Job(name='a', handler='b:c', target=Queue(name='q'), schedule=Every(timedelta(minutes=5)))\n"
        "Manifest(name='shop', jobs=[job])"
    )
    assert loaded & HEAVY == set()


def test_importing_the_client_and_the_worker_imports_no_boto3_and_no_pydantic() -> None:
    loaded = modules_after("from rota import Client, Worker, Run")
    assert loaded & (HEAVY - {"rota.client", "rota.worker"}) == set()


def test_importing_the_test_helpers_imports_no_pytest_and_no_boto3() -> None:
    loaded = modules_after(
        "from rota.testing import FakeClock, MemoryBackend, MemoryQueue\nimport rota.testing.local_aws"
    )
    assert loaded & HEAVY == set()


def test_the_ledger_s_suite_says_what_to_install_where_hypothesis_is_missing() -> None:
    loaded = modules_after(
        "import sys\n"
        "sys.modules['hypothesis'] = None\n"
        "import rota.testing\n"
        "try: rota.testing.LedgerConformance\n"
        "except ModuleNotFoundError as error: assert \"pip install 'rota[testing]'\" in str(error), error\n"
        "else: raise AssertionError('it was imported')"
    )
    assert "rota.ledger.ledger" not in loaded


def test_the_declarations_do_not_bring_cdk_and_the_constructs_bring_no_boto3() -> None:
    loaded = modules_after("import rota_cdk; rota_cdk.Rota")
    assert "aws_cdk" in loaded
    assert loaded & {"boto3", "botocore", "rota.worker", "rota.client", "rota.runner"} == set()


def test_the_pytest_plugins_are_found_at_no_cost() -> None:
    loaded = modules_after("import rota.testing.pytest_plugin, rota_cdk.testing.pytest_plugin")
    assert loaded & (HEAVY - {"pytest", "rota_cdk"}) == set()


@pytest.mark.parametrize("package", [rota, rota.testing, rota_cdk])
def test_every_public_name_can_be_imported(package: object) -> None:
    assert sorted(vars(package)["_HOMES"]) == sorted(vars(package)["__all__"]) == dir(package)
    for name in vars(package)["__all__"]:
        home = importlib.import_module(f"{package.__name__}.{vars(package)['_HOMES'][name]}")  # type: ignore[attr-defined]
        assert getattr(package, name) is getattr(home, name)


def test_every_public_name_of_the_synth_helpers_can_be_imported() -> None:
    homes = vars(rota_cdk.testing)["_HOMES"]
    assert sorted(homes) == sorted(rota_cdk.testing.__all__) == dir(rota_cdk.testing)
    for name, home in homes.items():
        assert getattr(rota_cdk.testing, name) is getattr(importlib.import_module(home), name)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'rota' has no attribute 'Wroker'"):
        vars(rota)["__getattr__"]("Wroker")
    with pytest.raises(ImportError):
        exec("from rota import Wroker", {})


def test_every_name_for_type_checkers_is_public() -> None:
    source = Path(rota.__file__).read_text()
    checked = source[source.index("if TYPE_CHECKING") : source.index("__version__")]
    assert [name for name in vars(rota)["__all__"] if name not in checked] == []
