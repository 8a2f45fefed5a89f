"""Declarations, and what is refused of them."""

from dataclasses import FrozenInstanceError, dataclass
from datetime import timedelta
from typing import Any

import pytest

from rota import (
    Cron,
    Endpoint,
    Every,
    EveryServer,
    Job,
    Lock,
    Manifest,
    ManifestError,
    Queue,
    Retry,
    Unique,
)
from rota.envelope import Post
from rota.targets import TRIGGER, Target

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Report:
    kind: str


@dataclass(frozen=True)
class Defaults:
    kind: str = "daily"


class Opaque: ...


@dataclass(frozen=True)
class Holder:
    thing: Opaque


billing = Queue(name="billing")
web, web_us = Endpoint(name="web"), Endpoint(name="web-us", path="/internal/jobs")
foreign = Endpoint(name="foreign", ledger=False)


def job(name: str = "a", **more: Any) -> Job[Any]:
    return Job(**{"name": name, "handler": "shop.billing:run", "target": billing, **more})


def refusal(make: Any, **arguments: Any) -> str:
    with pytest.raises(ManifestError) as caught:
        make(**arguments)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a", "a1", "send-invoice", "a" * 64])
def test_names(name: str) -> None:
    assert job(name).name == name
    assert Queue(name=name).name == name


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a b", "ä", "a\n", 7, None])
def test_refused_names(name: Any) -> None:
    rule = f"name must be lower-case letters, digits and single hyphens, starting with a letter; got {name!r}"
    assert refusal(job, name=name) == f"job {name!r}: {rule}"
    assert refusal(Queue, name=name) == f"queue {name!r}: {rule}"
    assert rule in refusal(Manifest, name=name, jobs=[])


def test_names_too_long() -> None:
    assert "name must be at most 64 characters; got 65" in refusal(job, name="a" * 65)
    assert "name must be at most 64 characters; got 65" in refusal(Queue, name="a" * 65)
    assert "name must be at most 32 characters; got 33" in refusal(Manifest, name="a" * 33, jobs=[])
    assert Manifest(name="a" * 32, jobs=[]).jobs == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"visibility_timeout": SECOND}, "visibility_timeout must be from 0:00:02 to 12:00:00; got 0:00:01"),
        ({"visibility_timeout": 12 * HOUR + SECOND}, "visibility_timeout must be from 0:00:02 to 12:00:00"),
        ({"visibility_timeout": timedelta(seconds=2.5)}, "visibility_timeout must be a whole number of seconds"),
        ({"visibility_timeout": 30}, "visibility_timeout must be a timedelta; got 30"),
        ({"max_deliveries": 0}, "max_deliveries must be a whole number from 1 to 1000; got 0"),
        ({"max_deliveries": 1001}, "max_deliveries must be a whole number from 1 to 1000; got 1001"),
        ({"max_deliveries": True}, "max_deliveries must be a whole number from 1 to 1000; got True"),
    ],
)
def test_limits_of_queues(arguments: dict[str, Any], said: str) -> None:
    assert said in refusal(Queue, name="billing", **arguments)


def test_the_widest_queues() -> None:
    Queue(name="a", visibility_timeout=2 * SECOND, max_deliveries=1)
    Queue(name="a", visibility_timeout=12 * HOUR, max_deliveries=1000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"name": "Web"},
            "name must be lower-case letters, digits and single hyphens, starting with a letter; got 'Web'",
        ),
        *(
            ({"path": path}, 'path must be "/" and letters, digits, "-", "_", "~" or "."')
            for path in (
                "",
                "/",
                "jobs",
                "/jobs/",
                "/jobs?a=1",
                "//jobs",
                "/jöbs",
                "/a b",
                "/jobs\n",
                "/a/../b",
                "/.",
                7,
                None,
            )
        ),
        ({"idle_timeout": 9 * SECOND}, "idle_timeout must be from 0:00:10 to 0:14:00; got 0:00:09"),
        ({"idle_timeout": 14 * MINUTE + SECOND}, "idle_timeout must be from 0:00:10 to 0:14:00; got 0:14:01"),
        ({"idle_timeout": 60}, "idle_timeout must be a timedelta; got 60"),
        ({"lease": 14 * SECOND}, "lease must be from 0:00:15 to 0:10:00; got 0:00:14"),
        ({"lease": 11 * MINUTE}, "lease must be from 0:00:15 to 0:10:00; got 0:11:00"),
        ({"lease": timedelta(seconds=30.5)}, "lease must be a whole number of seconds"),
        ({"max_deliveries": 0}, "max_deliveries must be a whole number from 1 to 1000; got 0"),
        ({"max_deliveries": 1001}, "max_deliveries must be a whole number from 1 to 1000; got 1001"),
        ({"ledger": None}, "ledger must be True or False; got None"),
        ({"ledger": "yes"}, "ledger must be True or False; got 'yes'"),
    ],
)
def test_limits_of_endpoints(arguments: dict[str, Any], said: str) -> None:
    told = refusal(Endpoint, **{"name": "web", **arguments})
    assert told.startswith(f"endpoint {arguments.get('name', 'web')!r}: {said}")
    assert "; got " in told


def test_the_widest_endpoints() -> None:
    Endpoint(name="a", path="/a", idle_timeout=10 * SECOND, lease=15 * SECOND, max_deliveries=1)
    Endpoint(name="a", path="/a.b/c~d/e_f-1/..g", idle_timeout=14 * MINUTE, lease=10 * MINUTE, max_deliveries=1000)


def test_all_problems_of_an_endpoint_are_told_at_once() -> None:
    assert refusal(Endpoint, name="A", path="x", lease=1, ledger=1).startswith("endpoint 'A': 4 problems")


@pytest.mark.parametrize("wrong", [billing, "web", None])
def test_every_server_is_one_of_an_endpoint(wrong: Any) -> None:
    assert refusal(EveryServer, endpoint=wrong) == f"EveryServer: endpoint must be an Endpoint; got {wrong!r}"


def test_where_a_job_goes() -> None:
    every = EveryServer(web_us)
    several = job(target=[web, every, EveryServer(web)])
    assert several.target == several.targets == (web, every, EveryServer(web)), "a list of the user's may change"
    assert several.endpoints == (web, web_us)
    assert (job().targets, job().endpoints, job().queue, job().post) == ((billing,), (), billing, None)
    assert (job(target=web).targets, job(target=every).targets) == ((web,), (every,))
    assert several.queue is job(target=web).queue is TRIGGER
    assert hash(several) == hash(job(target=(web, every, EveryServer(web))))


def test_the_trigger_takes_neither_jitter_nor_a_flexible_window_for_lateness() -> None:
    schedule = Cron("0 0 * * *", jitter=MINUTE, flexible_window=5 * MINUTE)
    post = job(target=web, schedule=schedule, start_deadline=10 * MINUTE).post
    assert post is not None
    assert post.start_deadline == 16 * 60


def test_what_the_trigger_is_told_of_a_job() -> None:
    assert job(target=web, retry=Retry(attempts=1)).post == Post(endpoints=("web",))
    told = job(
        target=[web, EveryServer(web_us)], timeout=MINUTE, start_deadline=HOUR, retry=Retry(attempts=4), idempotent=True
    ).post
    assert told == Post(endpoints=("web", "web-us/*"), timeout=60.0, start_deadline=3600.0, attempts=4, idempotent=True)
    assert Post.decode(told.encode()) == told


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ([], "got ()"),
        ((), "got ()"),
        ([billing], f"got [{billing!r}]"),
        ([web, billing], f"got [{web!r}, {billing!r}]"),
        (["web"], "got ['web']"),
        ("web", "got 'web'"),
        (None, "got None"),
        ({web}, f"got {{{web!r}}}"),
    ],
)
def test_refused_targets(target: Any, said: str) -> None:
    rule = "target must be a Queue, an Endpoint, EveryServer(endpoint), or a sequence of the last two; "
    assert refusal(job, target=target) == f"job 'a': {rule}{said}"


def test_a_target_is_named_once() -> None:
    assert refusal(job, target=[web, web]) == "job 'a': target names 'web' 2 times; once is enough"
    twice = refusal(job, target=[EveryServer(web), web, EveryServer(web)])
    assert twice == "job 'a': target names 'web/*' 2 times; once is enough"


def test_servers_of_another_language_alone_need_no_handler() -> None:
    elsewhere: list[Target] = [foreign, EveryServer(foreign), [foreign, Endpoint(name="other", ledger=False)]]
    for target in elsewhere:
        assert job(target=target, handler="").handler == ""
        assert "handler must read" in refusal(job, target=target, handler="run")
    here: list[Target] = [web, [foreign, web], billing, EveryServer(web)]
    for target in here:
        said = refusal(job, target=target, handler="")
        assert said == "job 'a': handler must read 'package.module:function'; got ''"


@pytest.mark.parametrize("handler", ["shop:run", "shop.billing:send", "shop.billing:Class.method"])
def test_handlers(handler: str) -> None:
    assert job(handler=handler).handler == handler


@pytest.mark.parametrize(
    "handler", ["", "run", "shop.billing.run", "shop:", ":run", "shop billing:run", "shop:run()", 7, len]
)
def test_refused_handlers(handler: Any) -> None:
    assert refusal(job, handler=handler) == f"job 'a': handler must read 'package.module:function'; got {handler!r}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"target": "billing"},
            "target must be a Queue, an Endpoint, EveryServer(endpoint), or a sequence of the last two; got 'billing'",
        ),
        ({"schedule": "0 2 * * *"}, "schedule must be a Cron, Every or Once; got '0 2 * * *'"),
        ({"schedule": Cron}, "schedule must be a Cron, Every or Once"),
        ({"retry": 3}, "retry must be a Retry; got 3"),
        ({"timeout": timedelta()}, "timeout must be from 0:00:01 to 12:00:00; got 0:00:00"),
        ({"timeout": 13 * HOUR}, "timeout must be from 0:00:01 to 12:00:00; got 13:00:00"),
        ({"timeout": 30}, "timeout must be a timedelta; got 30"),
        ({"timeout": timedelta(seconds=1.5)}, "timeout must be a whole number of seconds"),
        ({"isolation": "fork"}, 'isolation must be "thread" or "process"; got \'fork\''),
        ({"lock": "report"}, "lock must be a Lock; got 'report'"),
        ({"unique": "report"}, "unique must be a Unique; got 'report'"),
        ({"catch_up": "some", "schedule": Every(MINUTE)}, 'catch_up must be "all", "latest" or "none"; got \'some\''),
        ({"catch_up": "latest"}, "catch_up is for occurrences, and the job has no schedule"),
        ({"start_deadline": timedelta()}, "start_deadline must be from 0:00:01 to 7 days, 0:00:00; got 0:00:00"),
        ({"start_deadline": 8 * 24 * HOUR}, "start_deadline must be from 0:00:01 to 7 days, 0:00:00; got 8 days"),
    ],
)
def test_limits_of_jobs(arguments: dict[str, Any], said: str) -> None:
    assert refusal(job, **arguments).startswith(f"job 'a': {said}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"key": ""}, "key must be text of 1 to 500 bytes; got ''"),
        ({"key": " "}, "key must be text of 1 to 500 bytes; got ' '"),
        ({"key": "ü" * 251}, "key must be text of 1 to 500 bytes; got 'ü"),
        ({"key": 7}, "key must be text of 1 to 500 bytes; got 7"),
        ({"key": "tenant:{tenant_id"}, "key 'tenant:{tenant_id' cannot be read: "),
        (
            {"key": "{tenant.id}"},
            "key may hold fields of the payload in braces, such as {tenant_id}, nothing else; got",
        ),
        ({"key": "{tenant[0]}"}, "key may hold fields of the payload in braces"),
        ({"key": "{}"}, "key may hold fields of the payload in braces"),
        ({"key": "{tenant:>{width}}"}, "key may hold fields of the payload in braces"),
        ({"key": "{tenant!r}"}, "key may hold fields of the payload in braces"),
    ],
)
def test_keys(arguments: dict[str, Any], said: str) -> None:
    assert refusal(Lock, **arguments).startswith(f"Lock: {said}")
    assert refusal(Unique, window=HOUR, **arguments).startswith(f"Unique: {said}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"limit": 0}, "limit must be a whole number from 1 to 100; got 0"),
        ({"limit": 101}, "limit must be a whole number from 1 to 100; got 101"),
        ({"overlap": "queue"}, 'overlap must be "skip", "wait" or "cancel_running"; got \'queue\''),
        ({"hold_at_least": -SECOND}, "hold_at_least must be from 0:00:00 to 1 day, 0:00:00"),
        ({"hold_at_least": 25 * HOUR}, "hold_at_least must be from 0:00:00 to 1 day, 0:00:00"),
        ({"provider": "My Redis"}, "name must be lower-case letters, digits and single hyphens"),
    ],
)
def test_limits_of_locks(arguments: dict[str, Any], said: str) -> None:
    assert refusal(Lock, **arguments).startswith(f"Lock: {said}")


def test_limits_of_windows() -> None:
    said = "Unique: window must be from 0:00:01 to 30 days, 0:00:00"
    assert refusal(Unique, key="a", window=timedelta()).startswith(said)
    assert refusal(Unique, key="a", window=31 * 24 * HOUR).startswith(said)


def test_a_lock_is_named_after_its_job_unless_it_has_a_key() -> None:
    assert job("a").lock_key == job("a", lock=Lock()).lock_key == "a"
    assert job("a", lock=Lock(key="all")).lock_key == "all"


def test_keys_name_fields_that_the_payload_has() -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest(
            name="shop",
            jobs=[
                job("a", payload=Report, lock=Lock(key="{kind}:{tenant}")),
                job("b", unique=Unique(key="{kind}", window=HOUR)),
                job("c", payload=Report, lock=Lock(key="{kind}"), unique=Unique(key="all", window=HOUR)),
            ],
        )
    assert caught.value.problems == (
        "job 'a': lock: key '{kind}:{tenant}' names field 'tenant'; payload Report has kind",
        "job 'b': unique: key '{kind}' names field 'kind'; the job declares no payload type",
    )


def test_jobs_that_share_a_lock_agree_on_its_limit() -> None:
    def manifest(*locks: Lock) -> Manifest:
        return Manifest(name="shop", jobs=[job(f"job-{n}", lock=lock) for n, lock in enumerate(locks)])

    said = refusal(lambda: manifest(Lock(key="a", limit=2), Lock(key="a", limit=3), Lock(key="b")))
    assert said == "manifest 'shop': lock 'a' is declared with limits 2 and 3; it can have one"
    manifest(Lock(key="a", limit=2), Lock(key="a", limit=2), Lock(key="a", limit=3, provider="redis"))


def test_all_problems_of_a_job_are_told_at_once() -> None:
    with pytest.raises(ManifestError) as caught:
        job("A", handler="x", target=None, timeout=5)
    assert len(caught.value.problems) == 4
    assert caught.value.subject == "job 'A'"
    assert str(caught.value).splitlines()[0] == "job 'A': 4 problems"
    assert all(line.startswith("  - ") for line in str(caught.value).splitlines()[1:])


def test_all_problems_of_a_manifest_are_told_at_once() -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest(
            name="Shop",
            jobs=[
                job("twice"),
                job("twice"),
                job("other-queue", target=Queue(name="billing", max_deliveries=3)),
                job("no-type", payload=dict),
                job("input-alone", input=Report("a")),
                job("no-input", payload=Report, schedule=Cron("0 2 * * *")),
                job("wrong-input", payload=Report, input=Defaults()),
                job("bad-input", payload=Report, input=Report(7)),  # type: ignore[arg-type]
                job("no-json", payload=Holder, schedule=Every(MINUTE)),
            ],
        )
    told = list(caught.value.problems)
    assert told[:3] == [
        "name must be lower-case letters, digits and single hyphens, starting with a letter; got 'Shop'",
        "job 'twice' is declared 2 times",
        "queue 'billing' is declared in 2 different ways; declare it once and share the object",
    ]
    assert [problem.split(":")[0] for problem in told[3:]] == [
        "job 'no-type'",
        "job 'input-alone'",
        "job 'no-input'",
        "job 'wrong-input'",
        "job 'bad-input'",
        "job 'no-json'",
    ]
    assert told[3].endswith(": payload must be a dataclass or a pydantic model; got <class 'dict'>")
    assert told[4].endswith("input is Report(kind='a'), but the job declares no payload type")
    assert told[5].endswith("payload Report needs a value, and a scheduled run has none; give input=Report(...)")
    assert told[6].endswith("input: expected Report, got Defaults: Defaults(kind='daily')")
    assert told[7].endswith("input: Report: kind: Input should be a valid string; got 7")
    assert "payload Holder has a field that JSON cannot carry" in told[8]


def test_what_is_no_job() -> None:
    said = refusal(Manifest, name="shop", jobs=[job(), "send-invoice", billing])
    assert said.startswith("manifest 'shop': 2 problems\n  - jobs must be of Job; got 'send-invoice'\n  - jobs must be")


def test_payloads_with_defaults_need_no_input_and_enqueued_jobs_none_at_all() -> None:
    Manifest(
        name="shop",
        jobs=[
            job("a", payload=Defaults, schedule=Every(MINUTE)),
            job("b", payload=Report),
            job("c", payload=Report, input=Report("daily"), schedule=Every(MINUTE)),
        ],
    )


def test_a_manifest_lists_its_queues_once_and_finds_its_jobs() -> None:
    reports = Queue(name="reports")
    shop = Manifest(name="shop", jobs=(one for one in [job("a"), job("b", target=reports), job("c")]))  # type: ignore[arg-type]
    assert shop.queues == (billing, reports)
    assert [one.name for one in shop.jobs] == ["a", "b", "c"]
    assert shop.find("b") is shop.jobs[1]
    assert shop.find("d") is None


def test_a_manifest_lists_its_endpoints_once_and_no_queue_of_theirs() -> None:
    shop = Manifest(
        name="shop",
        jobs=[job("a", target=[web_us, EveryServer(web)]), job("b"), job("c", target=Endpoint(name="web"))],
    )
    assert shop.endpoints == (web_us, web)
    assert shop.queues == (billing,), "workers consume no other"


def test_an_endpoint_declared_in_two_ways() -> None:
    said = refusal(
        Manifest, name="shop", jobs=[job("a", target=web), job("b", target=[foreign, Endpoint(name="web", path="/x")])]
    )
    assert said == (
        "manifest 'shop': endpoint 'web' is declared in 2 different ways; declare it once and share the object"
    )


def test_a_queue_and_an_endpoint_may_have_the_same_name() -> None:
    Manifest(name="shop", jobs=[job("a", target=Queue(name="web")), job("b", target=web)])


def test_the_name_of_the_triggers_queue_is_taken_where_there_are_endpoints() -> None:
    mine = job("a", target=Queue(name="trigger"))
    assert Manifest(name="shop", jobs=[mine]).queues == (Queue(name="trigger"),)
    for same in (mine, job("a", target=TRIGGER)):
        said = refusal(Manifest, name="shop", jobs=[same, job("b", target=web)])
        assert said == (
            "manifest 'shop': queue 'trigger': runs for endpoints wait in one of this name; call it otherwise"
        )


def test_equal_queues_are_one() -> None:
    shop = Manifest(name="shop", jobs=[job("a", target=Queue(name="q")), job("b", target=Queue(name="q"))])
    assert shop.queues == (Queue(name="q"),)


def test_declarations_do_not_change() -> None:
    things: list[Any] = [
        billing,
        web,
        EveryServer(web),
        job(),
        Manifest(name="shop", jobs=[]),
        Retry(),
        Cron("0 2 * * *"),
    ]
    for thing in things:
        with pytest.raises(FrozenInstanceError):
            thing.name = "other"
