"""`rota init`."""

import json
from pathlib import Path

import pytest

from rota.cli.init import FILES


@pytest.fixture(autouse=True)
def empty_folder(application):
    Path("jobs.py").unlink()
    Path("handlers.py").unlink()


def test_it_writes_an_application_that_checks(run):
    code, out, _ = run("init", "--name", "my-shop")
    assert code == 0
    assert out.startswith(f"my-shop: {len(FILES)} files in {Path.cwd()}\n")
    assert out.splitlines()[-1].startswith("python try_it.py")
    assert all(Path(file).is_file() for file in FILES)
    assert run("check") == (0, "manifest 'my-shop': 3 jobs, 1 queue, no problems\n", "")


def test_nothing_of_the_templates_is_left_over(run):
    run("init", "My Shop")
    for file in FILES:
        text = Path("My Shop", file).read_text()
        assert "{{" not in text, file
    assert 'Manifest(name="my-shop"' in Path("My Shop/jobs.py").read_text()
    assert '"MyShop"' in Path("My Shop/app.py").read_text()


def test_every_template_is_written():
    templates = Path(__file__).parents[3] / "runtime" / "rota" / "cli" / "templates"
    found = {str(path.relative_to(templates)) for path in templates.rglob("*") if "__pycache__" not in path.parts}
    assert found - {"tests"} == set(FILES)


def test_the_next_commands_can_be_typed(run):
    _, out, _ = run("init", "my shop", "--json")
    assert json.loads(out) == {
        "manifest": "my-shop",
        "folder": "my shop",
        "files": list(FILES),
        "next": ["cd 'my shop'", "pip install -r requirements.txt", "rota check", "python try_it.py"],
    }


def test_it_never_overwrites(run):
    Path("jobs.py").write_text("mine")
    code, out, err = run("init", "--name", "shop")
    assert (code, out) == (2, "")
    assert err == "error: . has jobs.py already; choose another folder: rota init shop-jobs\n"
    assert Path("jobs.py").read_text() == "mine"
    assert not Path("app.py").exists()


def test_a_folder_that_gives_no_name(run):
    code, _, err = run("init", "9 lives")
    assert code == 2
    assert err.endswith("got '9-lives'; choose one: rota init '9 lives' --name my-jobs\n")
    assert not Path("9 lives").exists()
