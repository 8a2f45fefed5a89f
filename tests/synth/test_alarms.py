"""One set of alarms a queue, whatever the number of jobs."""

from datetime import timedelta

import pytest
from aws_cdk import Duration
from aws_cdk import aws_sns as sns

from rota import Queue
from rota_cdk import JobQueue, SynthError


def _of_queues(template, of_type):
    return [alarm for alarm in of_type(template, "AWS::CloudWatch::Alarm") if alarm.get("Namespace") == "AWS/SQS"]


def _alarms(template, of_type, queue="shop-staging_billing"):
    alarms = {}
    for alarm in _of_queues(template, of_type):
        watched = template["Resources"][alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]]["Properties"]["QueueName"]
        if watched.startswith(queue):
            alarms[alarm["MetricName"], watched.removeprefix(queue)] = alarm
    return alarms


def test_age_depth_dead_letters_and_undelivered_are_watched_from_the_start(template, of_type):
    alarms = _alarms(template, of_type)

    assert {watched: alarm["Threshold"] for watched, alarm in alarms.items()} == {
        ("ApproximateAgeOfOldestMessage", ""): 900,
        ("ApproximateNumberOfMessagesVisible", ""): 1000,
        ("ApproximateNumberOfMessagesVisible", "_dead"): 1,
        ("ApproximateNumberOfMessagesVisible", "_undelivered"): 1,
    }


def test_the_age_alarm_says_that_running_counts_too(template, of_type):
    age = _alarms(template, of_type)["ApproximateAgeOfOldestMessage", ""]

    assert age["AlarmDescription"] == (
        "shop-staging_billing: the oldest run, waiting or running, was sent 0:15:00 ago or earlier; "
        "are workers running and jobs short?"
    )


def test_a_queue_or_ledger_that_nobody_uses_raises_no_alarm(template, of_type):
    assert {alarm["TreatMissingData"] for alarm in of_type(template, "AWS::CloudWatch::Alarm")} == {"notBreaching"}


def test_each_queue_has_one_set_whatever_the_number_of_jobs(template, of_type):
    assert len(_of_queues(template, of_type)) == 2 * 4


def test_alarms_go_to_the_topic(stack, deploy, as_json, of_type):
    topic = sns.Topic(stack, "Oncall")
    deploy(alarm_topic=topic)

    for alarm in of_type(as_json(stack), "AWS::CloudWatch::Alarm"):
        assert alarm["AlarmActions"] == [stack.resolve(topic.topic_arn)]


def test_thresholds_are_keywords_and_none_means_no_alarm(stack, deploy, as_json, of_type):
    rota = deploy(alarm_age=timedelta(hours=1), alarm_depth=None, alarm_dead_letters=5, stage="staging")

    assert sorted(rota.queues["billing"].alarms) == ["age", "dead-letters", "undelivered"]
    thresholds = [alarm["Threshold"] for alarm in _alarms(as_json(stack), of_type).values()]
    assert sorted(thresholds) == [5, 5, 3600]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"alarm_age": timedelta(seconds=5)}, "queue 'billing': alarm_age must be .*; got 0:00:05"),
        ({"alarm_age": timedelta(days=7)}, "queue 'billing': alarm_age must be .* under 7 days"),
        ({"alarm_depth": 0}, "queue 'billing': alarm_depth: must be 1 or more messages, or None for no alarm; got 0"),
        ({"alarm_dead_letters": -1}, "queue 'billing': alarm_dead_letters: must be 1 or more .*; got -1"),
    ],
)
def test_a_threshold_that_could_never_or_always_alarm_is_refused(deploy, keywords, message):
    with pytest.raises(SynthError, match=message):
        deploy(**keywords)


def test_metrics_are_those_that_sqs_writes(stack):
    queue = JobQueue(stack, "Billing", queue=Queue(name="billing"), manifest="shop")

    names = {
        "ApproximateAgeOfOldestMessage": queue.metric_age(),
        "ApproximateNumberOfMessagesVisible": queue.metric_depth(),
        "ApproximateNumberOfMessagesNotVisible": queue.metric_running(),
        "NumberOfMessagesSent": queue.metric_sent(),
    }
    for name, metric in names.items():
        assert (metric.namespace, metric.metric_name) == ("AWS/SQS", name)
        assert metric.dimensions == {"QueueName": queue.sqs_queue.queue_name}
    assert queue.metric_dead_letters().dimensions == {"QueueName": queue.dead_letters.queue_name}
    assert queue.metric_undelivered().dimensions == {"QueueName": queue.undelivered.queue_name}
    assert queue.metric("NumberOfEmptyReceives", statistic="Sum", period=Duration.minutes(1)).period.to_seconds() == 60
