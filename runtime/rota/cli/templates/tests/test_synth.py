"""What the deployment will be; no AWS needed."""

from aws_cdk.assertions import Template

from app import stack
from jobs import manifest


def test_a_rule_for_each_schedule_and_a_queue_for_each_declared() -> None:
    template = Template.from_stack(stack)

    scheduled = [job for job in manifest.jobs if job.schedule]
    template.resource_count_is("AWS::Events::Rule", len(scheduled))
    template.resource_properties_count_is("AWS::SQS::Queue", {"QueueName": "{{name}}-default_work"}, 1)
