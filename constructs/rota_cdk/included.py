"""The schedules of many jobs in one stack, made at once.

Each call to Node costs more than all else about a job. `CfnInclude` reads a template in one call, and makes of it the
constructs that ten thousand calls would.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import CfnResource, Stack
from aws_cdk import cloudformation_include as include
from constructs import Construct

from rota_cdk.stack_limits import MAX_TEMPLATE

SCHEDULE = "AWS::Scheduler::Schedule"


class IncludedSchedules(include.CfnInclude):
    """A `CfnSchedule` for each job under the job's name, further ones under `<name>.2` and so on.

    - `jobs`: properties of the schedules as CloudFormation reads them, by the job's name.
    """

    def __init__(self, scope: Construct, id: str, *, jobs: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:  # noqa: A002 - CDK's word
        resources: dict[str, dict[str, Any]] = {
            name if ordinal == 1 else f"{name}.{ordinal}": {"Type": SCHEDULE, "Properties": properties}
            for name, schedules in jobs.items()
            for ordinal, properties in enumerate(schedules, start=1)
        }
        if scope.node.try_get_context("aws:cdk:enable-path-metadata"):
            # CDK does so for what it makes itself; `cdk diff` names by it what is there no longer.
            for name, resource in resources.items():
                resource["Metadata"] = {"aws:cdk:path": f"{scope.node.path}/{id}/{name}"}
        written = json.dumps({"Resources": resources})
        with TemporaryDirectory() as folder:
            template = Path(folder, "schedules.json")
            template.write_text(written, encoding="utf-8")
            # Logical ids are not kept, so that what stands there may be a name: CDK makes logical ids of the paths.
            super().__init__(scope, id, template_file=str(template), preserve_logical_ids=False)
        self.count = len(resources)
        """How many schedules there are."""
        self.size = len(written)
        """Bytes that they come to in the template of their stack, about."""
        if self.size > MAX_TEMPLATE / 2:  # for it takes time
            self.size = self._exactly(resources)
        self._many = {name: len(schedules) for name, schedules in jobs.items()}

    def _exactly(self, resources: Mapping[str, Any]) -> int:
        """With Tokens resolved, and written as CDK does."""
        resolved = Stack.of(self).resolve({"Resources": resources})
        if self.node.try_get_context("@aws-cdk/core:suppressTemplateIndentation"):
            written = json.dumps(resolved, separators=(",", ":"), ensure_ascii=False)
        else:
            written = json.dumps(resolved, indent=1, ensure_ascii=False)
        return len(written.encode())

    def schedules(self, job: str) -> tuple[CfnResource, ...]:
        """All of a job, in the order of its expressions."""
        names = (job if ordinal == 1 else f"{job}.{ordinal}" for ordinal in range(1, self._many[job] + 1))
        return tuple(self.get_resource(name) for name in names)
