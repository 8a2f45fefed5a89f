"""Physical names: within AWS's limits, and never the same for two things."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rota.names import MAX_QUEUE, MAX_RULE, MAX_SHARDED, MAX_SHARDS, Names
from rota.validators import name_problem, stage_problem

PART = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)


def _name(longest: int) -> st.SearchStrategy[str]:
    """Short names, which meet one another, and long ones, which are cut."""
    return st.lists(PART, min_size=1, max_size=8).map(lambda parts: "-".join(parts)[:longest].rstrip("-"))


MANIFEST = _name(32)
STAGE = st.from_regex(r"[a-z][a-z0-9]{0,15}", fullmatch=True)
DEPLOYMENT = st.builds(Names, MANIFEST, STAGE)
NAME = _name(64)


@given(DEPLOYMENT, NAME, st.integers(1, 99))
def test_a_rule_has_at_most_64_characters_that_eventbridge_takes(names, job, ordinal):
    assert name_problem(job) is None
    assert stage_problem(names.stage) is None
    assert len(names.rule(job, ordinal)) <= MAX_RULE
    assert re.fullmatch(r"[.\-_A-Za-z0-9]+", names.rule(job, ordinal))


@given(DEPLOYMENT, NAME)
def test_a_queue_has_at_most_80_characters_that_sqs_takes(names, queue):
    for name in (names.queue(queue), names.dead_letters(queue), names.undelivered(queue)):
        assert len(name) <= MAX_QUEUE
        assert re.fullmatch(r"[A-Za-z0-9_-]+", name)


@given(st.lists(st.tuples(DEPLOYMENT, NAME), unique=True, min_size=2, max_size=5))
def test_no_two_jobs_or_queues_have_the_same_name_whatever_the_manifest_and_stage(declared):
    rules = [names.rule(job, ordinal) for names, job in declared for ordinal in (1, 2)]
    queues = [
        name
        for names, queue in declared
        for name in (names.queue(queue), names.dead_letters(queue), names.undelivered(queue))
    ]

    assert len(set(rules)) == len(rules)
    assert len(set(queues)) == len(queues)


@given(DEPLOYMENT, DEPLOYMENT, NAME, st.integers(1, 99))
def test_the_pattern_of_a_deployment_matches_all_its_rules_and_no_others(names, other, job, ordinal):
    assert fnmatchcase(names.rule(job, ordinal), names.every_rule)
    assert fnmatchcase(other.rule(job, ordinal), names.every_rule) == (names == other)


@given(DEPLOYMENT, DEPLOYMENT, st.lists(NAME, unique=True, max_size=5), NAME, st.integers(1, 99))
def test_the_job_of_a_rule_is_found_by_its_physical_name_and_by_that_of_no_other_deployment(
    names, other, others, job, ordinal
):
    jobs = [*others, job]

    assert names.job_of(names.rule(job, ordinal), jobs) == job
    assert names.job_of(other.rule(job, ordinal), jobs) == (job if names == other else None)
    assert names.job_of(names.rule(job, ordinal), [name for name in others if name != job]) is None


@given(
    st.builds(Names, _name(32), STAGE).filter(lambda names: len(names.deployment) <= MAX_SHARDED),
    NAME,
    st.integers(1, 99),
    st.integers(1, MAX_SHARDS),
)
def test_of_jobs_in_shards_the_name_tells_their_number_and_the_job_is_found_by_it(names, job, ordinal, shards):
    name = names.rule(job, ordinal, shards)

    assert len(name) <= MAX_RULE
    assert fnmatchcase(name, names.every_rule)
    assert names.job_of(name, ["another", job]) == job
    assert name != names.rule(job, ordinal)
    assert name != names.rule(job, ordinal, shards + 1)


@given(DEPLOYMENT, NAME, st.sampled_from(["eu-west-1", "ap-southeast-1", "us-isof-south-1", "x" * 20]))
def test_a_role_has_at_most_64_characters_and_another_name_in_each_region(names, queue, region):
    assert len(names.schedule_role(queue, region)) <= 64
    assert re.fullmatch(r"[\w+=,.@-]+", names.schedule_role(queue, region))
    assert names.schedule_role(queue, region) != names.schedule_role(queue, "eu-north-1")


@pytest.mark.parametrize("job", ["close-books", "close-the-books-of-every-branch-of-the-shop-at-the-end-of-a-day"])
@pytest.mark.parametrize("ordinal", [1, 2, 12])
@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:events:eu-west-1:123456789012:rule/{}",
        "arn:aws-cn:scheduler:cn-north-1:123456789012:schedule/shop-staging/{}",
    ],
)
def test_the_job_is_found_by_an_arn_too(arn, job, ordinal):
    names = Names("shop", "staging")

    assert names.job_of(arn.format(names.rule(job, ordinal)), ["close", job]) == job


@pytest.mark.parametrize(
    "rule", ["", "close-books", "shop-staging", "shop-staging.", "shop-staging.close-books.x", "shop-staging.close"]
)
def test_what_is_no_rule_of_ours_is_of_no_job(rule):
    assert Names("shop", "staging").job_of(rule, ["close-books"]) is None


def test_names_are_read_at_a_glance():
    names = Names("shop", "staging")

    assert names.rule("close-books") == "shop-staging.close-books"
    assert names.rule("close-books", 2) == "shop-staging.close-books.2"
    assert names.queue("billing") == "shop-staging_billing"
    assert names.dead_letters("billing") == "shop-staging_billing_dead"
    assert names.undelivered("billing") == "shop-staging_billing_undelivered"
    assert names.ledger == "shop-staging_ledger"


def test_a_long_name_keeps_its_start_and_stays_the_same_from_release_to_release():
    names = Names("shop", "staging")
    long = "a-job-whose-name-says-all-that-it-does-and-why-and-for-whom"

    assert names.rule(long) == "shop-staging.a-job-whose-name-says-all-that-it-does--g5qhws74"
