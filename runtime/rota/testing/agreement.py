"""Whether a manifest and its handlers agree, as an assertion of users' tests."""

from rota.cli.findings import inspect_jobs
from rota.manifest import Manifest


def assert_handlers(manifest: Manifest) -> None:
    """Fails unless every handler of the manifest can be imported and fits its job: its payload, and what it is to be
    given. What `rota check` calls a problem.

    Raises `AssertionError` that lists all of them.
    """
    __tracebackhide__ = True
    problems = inspect_jobs(manifest.jobs).problems
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise AssertionError(f"manifest {manifest.name!r} and its handlers do not agree, {count}:\n{lines}")
