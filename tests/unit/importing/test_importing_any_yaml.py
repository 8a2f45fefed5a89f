"""Whatever a YAML text holds: nothing of it breaks a reader, and what is written of it loads."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rota.importing.declarations import write
from rota.importing.found import Found
from rota.importing.github_actions import read_github
from rota.importing.kubernetes import read_kubernetes

scalars = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        10**30,
        1.5,
        float("nan"),
        float("inf"),
        "",
        "x",
        "0 2 * * *",
        "@every 1h",
        "@every 99999999999h",
        "Forbid",
    ]
)


def mappings(keys: list[Any]) -> st.SearchStrategy[Any]:
    """Mappings that have these keys, each with something of a shape that it may have, or another."""
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(keys), inner, max_size=6),
        max_leaves=10,
    )


inside_cron_job = mappings(
    ["name", "spec", "containers", "command", "args", "env", "activeDeadlineSeconds", "backoffLimit", "template"]
)
cron_jobs = st.fixed_dictionaries(
    {"kind": st.just("CronJob")},
    optional={
        "metadata": inside_cron_job,
        "spec": inside_cron_job
        | st.fixed_dictionaries(
            {"schedule": scalars},
            optional={
                "timeZone": scalars,
                "startingDeadlineSeconds": scalars,
                "concurrencyPolicy": inside_cron_job,
                "jobTemplate": inside_cron_job
                | st.fixed_dictionaries(
                    {
                        "spec": st.fixed_dictionaries(
                            {
                                "template": st.fixed_dictionaries({"spec": inside_cron_job}),
                                "backoffLimit": scalars,
                                "activeDeadlineSeconds": scalars,
                            }
                        )
                    }
                ),
            },
        ),
    },
)
inside_workflow = mappings(
    ["name", "run", "uses", "if", "shell", "working-directory", "env", "group", "cancel-in-progress", 3, True]
)
OF_JOBS = ["name", "if", "strategy", "timeout-minutes", "concurrency", "defaults", "needs", "runs-on", "env"]
steps = st.lists(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["name", "run", "uses", "if", "env", "shell", "working-directory"], inside_workflow)
    ),
    max_size=3,
)
workflows = st.fixed_dictionaries(
    {
        "on": st.fixed_dictionaries(
            {
                "schedule": st.lists(
                    st.fixed_dictionaries({"cron": inside_workflow}, optional={"timezone": inside_workflow}), max_size=2
                )
            }
        ),
        "jobs": st.dictionaries(
            st.sampled_from(["a", "b", 1]),
            inside_workflow
            | st.fixed_dictionaries(
                {"steps": inside_workflow | steps},
                optional=dict.fromkeys(OF_JOBS, inside_workflow),
            ),
        ),
    },
    optional={"name": inside_workflow, "defaults": inside_workflow, "concurrency": inside_workflow},
)


def load(found: Found) -> None:
    written = write(found, manifest="shop", queue="work", source="x")
    scope: dict[str, Any] = {"__name__": "jobs"}
    exec(compile(written.text, "jobs.py", "exec"), scope)
    assert len(scope["manifest"].jobs) == written.jobs


@settings(max_examples=300)
@given(cron_jobs | inside_cron_job)
def test_cron_jobs(value: Any) -> None:
    load(read_kubernetes(yaml.safe_dump(value), source="c.yaml"))


@settings(max_examples=300)
@given(workflows | inside_workflow)
def test_workflows(value: Any) -> None:
    load(read_github(yaml.safe_dump(value), source="w.yml"))


@pytest.mark.parametrize("read", [read_kubernetes, read_github])
def test_an_empty_text(read: Callable[..., Found]) -> None:
    assert read("", source="x") == ()
