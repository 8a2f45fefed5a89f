"""`make scale` in small: 60 jobs over 4 stacks, deployed by the real CDK CLI, then three of them edited."""

from collections.abc import Iterator

import pytest
from examples.scale.growth import Growth, grow
from examples.scale.jobs import ADDED, CHANGED, REMOVED

from rota.testing.local_aws import local_aws

JOBS, SHARDS = 60, 4


@pytest.fixture(scope="module")
def growth() -> Iterator[Growth]:
    # A local AWS of its own: whatever other stacks there were would be looked at as well.
    with local_aws() as aws:
        yield grow(aws, JOBS, SHARDS, print)


def test_every_job_is_a_schedule_in_one_of_the_shards(growth: Growth) -> None:
    assert len(growth.before.schedules) == JOBS
    shards = {f"Scale-Shard{number:02}of{SHARDS}" for number in range(SHARDS)}
    assert {schedule.stack for schedule in growth.before.schedules.values()} == shards
    assert growth.before.stacks.keys() == {"Scale", *shards}


def test_an_edit_of_three_jobs_changes_their_schedules_and_no_other(growth: Growth) -> None:
    names = {f"scale-default.{job}.s{SHARDS}" for job in (ADDED, REMOVED, CHANGED)}
    assert set(growth.expected.values()) == names
    assert growth.added == {growth.expected["added"]}
    assert growth.removed == {growth.expected["removed"]}
    # All others were made and last modified when they were before, and are in the stacks that they were in.
    assert growth.touched == {growth.expected["changed"]}
    changed = growth.expected["changed"]
    before, after = growth.before.schedules[changed], growth.after.schedules[changed]
    assert (after.stack, after.created) == (before.stack, before.created)
    assert after.modified > before.modified


def test_it_updates_the_shards_of_the_three_and_no_other_stack(growth: Growth) -> None:
    assert growth.updated_stacks == growth.their_stacks
    assert len(growth.their_stacks) < SHARDS


@pytest.mark.parametrize(("sign", "job"), [("[+]", ADDED), ("[-]", REMOVED), ("[~]", CHANGED)])
def test_cdk_diff_has_a_line_for_each_of_them(growth: Growth, sign: str, job: str) -> None:
    (line,) = [line for line in growth.diff_lines if line.startswith(sign)]
    # Of what is removed, CDK may know no more than the logical id, which has no hyphens.
    assert job.replace("-", "") in line.replace("-", "")


def test_a_schedule_of_a_shard_reaches_the_queue_that_all_share(growth: Growth) -> None:
    assert growth.delivered == ADDED


def test_make_scale_succeeds_only_if_all_of_that_is_so(growth: Growth) -> None:
    assert growth.is_as_promised
