"""`SqsQueue`, on moto and on the local AWS. Both go by the machine's clock: the timeouts are short."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from rota.aws.session import client
from rota.errors import BackendError, SettingsError
from rota.queues.base import MAX_BYTES, Depth, LetterQueue, MessageQueue, Move, MoveTask, Outgoing, SendFailure
from rota.queues.sqs import SqsBackend, SqsQueue
from rota.settings import QueueSettings, Settings
from rota.testing import QueueConformance

MakeQueue = Callable[..., str]


class OnSqs(QueueConformance):
    visibility_timeout = 2

    @pytest.fixture
    def queue(self, sqs: Any, make_queue: MakeQueue) -> SqsQueue:
        return SqsQueue(sqs, make_queue(sqs, VisibilityTimeout=2, MaximumMessageSize=MAX_BYTES))

    def test_attributes_are_there_for_other_programs(self, sqs: Any, make_queue: MakeQueue) -> None:
        url = make_queue(sqs)
        assert SqsQueue(sqs, url).send([Outgoing("body", 0, {"rota.reason": "worker died"})]) == []
        (read,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
        assert read["MessageAttributes"]["rota.reason"]["StringValue"] == "worker died"

    def test_a_queue_that_is_not_there_is_an_error_that_names_it(self, sqs: Any, make_queue: MakeQueue) -> None:
        url = make_queue(sqs) + "-gone"
        queue = SqsQueue(sqs, url)
        for request in (
            lambda: queue.receive(1, 0),
            lambda: queue.send([Outgoing("body")]),
            lambda: queue.delete(["receipt"]),
            lambda: queue.change_visibility(["receipt"], 1),
        ):
            with pytest.raises(BackendError, match=f"(?s)^SQS did not .*{url}: .*"):
                request()


class LettersOnSqs:
    """What those who look after dead letters need of `SqsQueue`."""

    @pytest.fixture
    def place(self, sqs: Any, make_queue: MakeQueue) -> SqsQueue:
        return SqsQueue(sqs, make_queue(sqs, VisibilityTimeout=600))

    def test_a_letter_has_all_that_stands_beside_it(self, place: LetterQueue) -> None:
        place.send([Outgoing("body", 0, {"rota.reason": "worker died", "rota.job": "greet"}), Outgoing("bare")])
        found = {letter.body: letter for letter in [*place.letters(10, 30), *place.letters(10, 30)]}
        assert found["body"].attributes == {"rota.reason": "worker died", "rota.job": "greet"}
        assert found["bare"].attributes == {}
        assert found["body"].id != found["bare"].id
        sent_at = found["body"].sent_at
        assert sent_at is not None
        assert abs(datetime.now(UTC) - sent_at) < timedelta(minutes=5)

    def test_it_hides_for_as_long_as_was_asked_for_and_keeps_its_id(self, place: LetterQueue) -> None:
        place.send([Outgoing("body")])
        (first,) = place.letters(10, 600)
        assert place.letters(10, 600) == []
        assert place.depth() == Depth(0, 1)
        assert place.change_visibility([first.receipt], 0) == []
        assert place.depth() == Depth(1, 0)
        (again,) = place.letters(10, 600, wait=1)
        assert (again.id, again.body) == (first.id, first.body)
        assert place.delete([again.receipt]) == []
        assert place.letters(10, 600) == []

    def test_what_sqs_moved_by_itself_is_a_letter_without_attributes(self, sqs: Any, make_queue: MakeQueue) -> None:
        dead = SqsQueue(sqs, make_queue(sqs))
        policy = f'{{"deadLetterTargetArn":"{dead.arn()}","maxReceiveCount":"1"}}'
        queue = SqsQueue(sqs, make_queue(sqs, VisibilityTimeout=0, RedrivePolicy=policy))
        queue.send([Outgoing("poison")])
        for _ in range(3):
            queue.receive(1, 0)
        (letter,) = dead.letters(10, 30, wait=5)
        assert (letter.body, letter.attributes) == ("poison", {})


def test_what_sqs_moved_by_itself_says_so(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    moved = {"SentTimestamp": "1000", "DeadLetterQueueSourceArn": f"{ARN}queue"}
    messages = [
        {"MessageId": str(number), "ReceiptHandle": "r", "Body": "b", "Attributes": attributes}
        for number, attributes in enumerate([moved, {"SentTimestamp": "1000"}])
    ]
    service.add_response("receive_message", {"Messages": messages})
    assert [letter.moved for letter in queue.letters(10, 30)] == [True, False]


def differs(who: str, how: str) -> pytest.MarkDecorator:
    """Where a stand-in is known to differ from SQS; fails once it no longer does."""
    return pytest.mark.xfail(strict=True, reason=f"{who} {how}")


class TestOnMoto(OnSqs):
    @pytest.fixture
    def sqs(self, in_moto: None) -> Any:
        return client("sqs")

    @differs("moto", "extends messages that are no longer in flight")
    def test_a_receipt_is_lost_with_its_time(self, queue: MessageQueue) -> None:
        super().test_a_receipt_is_lost_with_its_time(queue)


class TestLettersOnMoto(LettersOnSqs):
    @pytest.fixture
    def sqs(self, in_moto: None) -> Any:
        return client("sqs")


class TestLettersOnLocalAws(LettersOnSqs):
    @pytest.fixture
    def sqs(self, on_local_aws: None) -> Any:
        return client("sqs")

    def test_a_service_that_moves_nothing_by_itself_says_so(
        self, place: SqsQueue, sqs: Any, make_queue: MakeQueue
    ) -> None:
        assert place.move_all(SqsQueue(sqs, make_queue(sqs))) is None


class TestOnLocalAws(OnSqs):
    @pytest.fixture
    def sqs(self, on_local_aws: None) -> Any:
        return client("sqs")

    @differs("ministack", "extends messages that are no longer in flight")
    def test_a_receipt_is_lost_with_its_time(self, queue: MessageQueue) -> None:
        super().test_a_receipt_is_lost_with_its_time(queue)

    @differs("ministack", "takes any delay")
    def test_a_delay_too_long_is_refused_by_itself(self, queue: MessageQueue) -> None:
        super().test_a_delay_too_long_is_refused_by_itself(queue)

    @differs("ministack", "takes any visibility timeout")
    def test_no_message_is_held_for_more_than_twelve_hours(self, queue: MessageQueue) -> None:
        super().test_no_message_is_held_for_more_than_twelve_hours(queue)


# What no stand-in can be made to do: answers by the book, to a client that is told them.


@pytest.fixture
def told(in_moto: None) -> Iterator[tuple[SqsQueue, Stubber]]:
    """A queue whose service answers what the test says."""
    sqs = client("sqs")
    with Stubber(sqs) as stubber:
        yield SqsQueue(sqs, "https://sqs/queue"), stubber


def test_a_service_that_fails_halfway_leaves_no_doubt_about_what_was_sent(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    service.add_response("send_message_batch", {"Successful": [], "Failed": []})
    service.add_client_error("send_message_batch", "ServiceUnavailable", http_status_code=503)
    failures = queue.send([Outgoing(str(number)) for number in range(25)])
    assert [failed.place for failed in failures] == list(range(10, 25))
    assert all("ServiceUnavailable" in failed.reason for failed in failures)
    service.assert_no_pending_responses()  # and is not asked again


def test_a_service_that_does_not_answer_at_all_is_an_error(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    service.add_client_error("send_message_batch", "ServiceUnavailable", http_status_code=503)
    with pytest.raises(BackendError, match=r"SQS did not send to https://sqs/queue: .*ServiceUnavailable"):
        queue.send([Outgoing("body")])


def test_a_network_that_is_gone_is_an_error(in_moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = client("sqs")

    def gone(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    monkeypatch.setattr(sqs, "receive_message", gone)
    with pytest.raises(BackendError, match="SQS did not receive from https://sqs/queue: Could not connect"):
        SqsQueue(sqs, "https://sqs/queue").receive(1, 0)


def test_refused_messages_are_told_by_their_place(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    service.add_response("send_message_batch", {"Successful": [], "Failed": []})
    failed = {"Id": "11", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "no such character"}
    service.add_response("send_message_batch", {"Successful": [], "Failed": [failed]})
    sent = queue.send([Outgoing(str(number)) for number in range(12)])
    assert sent == [SendFailure(11, "InvalidMessageContents: no such character")]


def test_a_fault_of_the_service_is_no_word_about_the_message(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    failed = [
        {"Id": "0", "SenderFault": False, "Code": "InternalError"},
        {"Id": "1", "SenderFault": True, "Code": "MessageNotInflight"},
    ]
    service.add_response("change_message_visibility_batch", {"Successful": [], "Failed": failed})
    assert queue.change_visibility(["held", "lost", "fine"], 30) == ["lost"]


def test_deletes_that_failed_by_the_services_fault_are_told_and_those_of_what_is_gone_are_not(
    told: tuple[SqsQueue, Stubber],
) -> None:
    queue, service = told
    failed = [
        {"Id": "1", "SenderFault": False, "Code": "InternalError"},
        {"Id": "2", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"},
    ]
    service.add_response("delete_message_batch", {"Successful": [], "Failed": failed})
    assert queue.delete(["deleted", "failed", "gone"]) == ["failed"]


def test_a_deployment_has_the_queues_of_its_settings(in_moto: None) -> None:
    settings = Settings("shop", "staging", {"billing": QueueSettings("https://sqs/billing", "https://sqs/dead")})
    backend = SqsBackend(client("sqs"), settings)
    assert vars(backend.queue("billing"))["_url"] == "https://sqs/billing"
    assert vars(backend.dead_letters("billing"))["_url"] == "https://sqs/dead"
    with pytest.raises(SettingsError) as caught:
        backend.queue("reports")
    assert str(caught.value) == (
        "queue 'reports' is not in the deployed settings of 'shop', stage 'staging' (it has billing); "
        "deploy it: `cdk deploy`"
    )


# Moves, which neither of the stand-ins makes: by the API's own model of requests and answers.

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


LISTED = {"SourceArn": f"{ARN}dead", "MaxResults": 10}
OLD = {"Status": "COMPLETED", "StartedTimestamp": 100, "ApproximateNumberOfMessagesMoved": 7}


def asked_to_move(service: Stubber, *before: dict[str, Any]) -> None:
    for name in ("dead", "queue"):
        service.add_response("get_queue_attributes", {"Attributes": {"QueueArn": f"{ARN}{name}"}})
    service.add_response("list_message_move_tasks", {"Results": list(before)}, LISTED)


def test_a_move_names_its_destination_for_sqs_knows_no_source_of_what_was_sent(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    asked_to_move(service, OLD)
    expected = {"SourceArn": f"{ARN}dead", "DestinationArn": f"{ARN}queue"}
    service.add_response("start_message_move_task", {"TaskHandle": "handle"}, expected)
    assert queue.move_all(SqsQueue(vars(queue)["_client"], "https://sqs/other")) == MoveTask(
        f"{ARN}dead", "handle", 100
    )


@pytest.mark.parametrize(
    "code", ["AWS.SimpleQueueService.UnsupportedOperation", "InvalidAction", "AccessDenied", "UnsupportedOperation"]
)
def test_where_sqs_does_not_move_it_is_done_letter_by_letter(told: tuple[SqsQueue, Stubber], code: str) -> None:
    queue, service = told
    asked_to_move(service)
    service.add_client_error("start_message_move_task", code)
    assert queue.move_all(queue) is None


def test_a_move_that_is_under_way_already_is_said_to_be(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    asked_to_move(service)
    service.add_client_error(
        "start_message_move_task",
        "AWS.SimpleQueueService.UnsupportedOperation",
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    )
    with pytest.raises(BackendError, match="There is already a task running"):
        queue.move_all(queue)


def test_any_other_trouble_with_a_move_is_an_error(told: tuple[SqsQueue, Stubber]) -> None:
    queue, service = told
    asked_to_move(service)
    service.add_client_error("start_message_move_task", "RequestThrottled")
    with pytest.raises(BackendError, match="SQS did not move the messages of https://sqs/queue"):
        queue.move_all(queue)


MOVED = {"Status": "COMPLETED", "StartedTimestamp": 200, "ApproximateNumberOfMessagesMoved": 5}


@pytest.mark.parametrize(
    ("tasks", "move"),
    [
        ([], Move(0, 0, False)),
        ([OLD], Move(0, 0, False)),  # another's, before: ours is not listed yet
        ([{"Status": "RUNNING", "TaskHandle": "ours", "ApproximateNumberOfMessagesMoved": 3}, OLD], Move(3, 0, False)),
        ([{**MOVED, "ApproximateNumberOfMessagesToMove": 5}, OLD], Move(5, 5, True)),
        ([{"Status": "RUNNING", "StartedTimestamp": 300, "TaskHandle": "another's"}, MOVED, OLD], Move(5, 0, True)),
        ([{**MOVED, "StartedTimestamp": 300, "ApproximateNumberOfMessagesMoved": 9}, MOVED], Move(5, 0, True)),
        ([{**MOVED, "Status": "FAILED", "FailureReason": "Denied"}], Move(5, 0, True, "FAILED: Denied")),
        ([{"Status": "CANCELLED", "StartedTimestamp": 200}], Move(0, 0, True, "CANCELLED: no reason given")),
    ],
)
def test_how_far_a_move_is(told: tuple[SqsQueue, Stubber], tasks: list[dict[str, Any]], move: Move) -> None:
    queue, service = told
    service.add_response("list_message_move_tasks", {"Results": tasks}, LISTED)
    assert queue.moved(MoveTask(f"{ARN}dead", "ours", 100)) == move
