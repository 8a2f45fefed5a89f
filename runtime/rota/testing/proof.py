"""The proof of schedules as an assertion of users' tests."""

from collections.abc import Collection
from datetime import UTC, datetime

from rota.manifest import Manifest
from rota.proof import DAYS, prove, unaccepted


def assert_proven(
    manifest: Manifest, *, start: datetime | None = None, days: int = DAYS, accept: Collection[str] = ()
) -> None:
    """Fails if anything may surprise of the manifest's schedules within 400 days, or so many: what `rota proof` lists.

    `accept` names what is meant so: kinds, such as "shifted", or kinds with a job, such as "gap:close-books". The kinds
    are those of `rota.proof.Finding`. `start` is aware, and now unless given: a fixed one makes a test that fails only
    when the manifest changes.

    Raises `AssertionError` that lists all findings, `ScheduleError` for an `accept` of a kind, or a job, that there is
    not, and `ValueError` for a naive `start`, and fewer days than one.
    """
    __tracebackhide__ = True
    findings = prove(manifest.jobs, start=start or datetime.now(UTC), days=days)
    found = unaccepted(findings, accept, (job.name for job in manifest.jobs))
    lines = "\n".join(f"  {finding.kind}: {finding}" for finding in found)
    if found:
        raise AssertionError(
            f"manifest {manifest.name!r} has {len(found)} that may surprise:\n{lines}\n"
            'what is meant so is accepted by kind, or kind and job: accept={"shifted", "gap:close-books"}'
        )
