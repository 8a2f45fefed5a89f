"""Reads CronJobs of Kubernetes. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/cron-job-v1/"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from rota.exclusion import Overlap
from rota.importing.cron_fields import ENDS, with_ends
from rota.importing.documents import documents, duration, items, mapping, names, others, word
from rota.importing.found import CronText, Found, FoundJob, Remark, When, counted_anew, within_limits

_DEFAULT_BACKOFF = 6
"""Of backoffLimit. https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy"""

_OVERLAP: dict[str, Overlap] = {"Forbid": "skip", "Replace": "cancel_running"}
_SECOND = timedelta(seconds=1)
_GO_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\)|.)", re.DOTALL)
"""https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go"""
_OF_A_SERVICE = re.compile(r"[A-Z0-9_]+_(?:SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_[0-9]+_\w+)?)")
"""https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables"""
_NAME = re.compile(r"[A-Za-z_.-][\w.-]*")
_NO_ZONE = (
    "no timeZone is named, so UTC is taken; Kubernetes goes by its controller's: if that differs, give --time-zone"
)


def read_kubernetes(text: str, *, source: str, time_zone: str | None = None) -> Found:
    """The CronJobs of a YAML text, several documents or a `List`. `time_zone` is the zone of those that name none.

    Raises `UnreadableError` for what is not YAML.
    """
    found: list[FoundJob | Remark] = []
    for manifest in _flat(documents(text, source=source)):
        kind, name = manifest.get("kind"), str(mapping(manifest.get("metadata")).get("name") or "")
        place = f"{source}: {kind} {name!r}"
        if kind != "CronJob":
            found.append(Remark(place, "is no CronJob, and not read"))
            continue
        job = _job(manifest, place, name, time_zone)
        is_unzoned = (
            isinstance(job.when, CronText) and not job.problem and not mapping(manifest.get("spec")).get("timeZone")
        )
        if (
            is_unzoned
            and not time_zone
            and not any(each.text == _NO_ZONE for each in found if isinstance(each, Remark))
        ):
            found.append(Remark(place, _NO_ZONE))
        found.append(job)
    return tuple(found)


def _flat(values: list[Any], within: tuple[int, ...] = ()) -> Iterator[dict[Any, Any]]:
    """The manifests, those in lists too; a list that is within itself holds nothing new."""
    for value in values:
        if isinstance(mapping(value).get("items"), list) and str(value.get("kind", "")).endswith("List"):
            if id(value) not in within:
                yield from _flat(value["items"], (*within, id(value)))
        else:
            yield mapping(value)


def _job(manifest: dict[Any, Any], place: str, name: str, time_zone: str | None) -> FoundJob:
    spec = mapping(manifest.get("spec"))
    job = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    pod = mapping(mapping(job.get("template")).get("spec"))
    containers = [mapping(each) for each in items(pod.get("containers"))]
    container = containers[0] if len(containers) == 1 else {}
    command, problem = _command(container)
    if len(containers) != 1:
        problem = f"it has {len(containers)} containers, and a job one command; write it"
    schedule = str(spec.get("schedule", ""))
    when = _when(schedule, str(spec.get("timeZone") or time_zone or "UTC"))
    if when is None:
        problem = f"its schedule is {schedule!r}, longer than there is time"
    return within_limits(
        FoundJob(
            place=place,
            source=f"{schedule} {spec.get('timeZone', '')}".strip(),
            name=name,
            when=when,
            command=command,
            attempts=_number(job.get("backoffLimit"), _DEFAULT_BACKOFF) + 1,
            timeout=duration(job.get("activeDeadlineSeconds"), _SECOND),
            start_deadline=duration(spec.get("startingDeadlineSeconds"), _SECOND),
            overlap=_OVERLAP.get(str(spec.get("concurrencyPolicy"))),
            only_latest=True,
            enabled=spec.get("suspend") is not True,
            remarks=(*_not_carried(spec, job, pod, container), *counted_anew(when, "Kubernetes from when it ran last")),
            problem=problem,
        )
    )


def _when(schedule: str, zone: str) -> When | None:
    """What the library that Kubernetes reads schedules with makes of one: https://pkg.go.dev/github.com/robfig/cron/v3"""
    if prefix := re.match(r"(?:CRON_)?TZ=(\S*)\s+", schedule):
        schedule, zone = schedule[prefix.end() :], prefix[1]
    if re.fullmatch(r"@every\s+([0-9]+(\.[0-9]+)?[hms])+", schedule):
        parts = re.findall(r"([0-9.]+)([hms])", schedule)
        return duration(sum(float(number) * _GO_UNITS[unit] for number, unit in parts), _SECOND)
    fields = with_ends(schedule).split()
    if len(fields) == len(ENDS):
        schedule = " ".join(_field(field, end) for field, end in zip(fields, ENDS, strict=True))
    return CronText(expression=schedule, time_zone=zone)


def _field(field: str, end: int) -> str:
    """A field as cron reads it alike. `?` is any; and a stepped star restricts its field, so that of two day fields
    either may fit, where in cron(8) both would have to."""
    first = 1 if end in (31, 12) else 0
    terms = [re.sub(r"^\?", "*", term) for term in field.split(",")]
    return ",".join(re.sub(r"^\*/(?!1$)", f"{first}-{end}/", term) if end in (31, 6) else term for term in terms)


def _command(container: dict[Any, Any]) -> tuple[tuple[str, ...], str | None]:
    """The argv, and what is wrong with it."""
    program = tuple(map(word, items(container.get("command"))))
    arguments = tuple(map(word, items(container.get("args"))))
    if not program:
        said = (
            "names no command, and what its image runs by itself is not known here: write command= as the image has it"
        )
        return arguments, f"its container {said}"
    command = tuple(_REFERENCE.sub(_unescaped, each) for each in program + arguments)
    known, from_elsewhere = list(names(container.get("env"))), bool(container.get("envFrom"))
    for name in (found[1] for each in program + arguments for found in _REFERENCE.finditer(each) if found[1]):
        if name in known or _OF_A_SERVICE.fullmatch(name):
            return command, f"Kubernetes fills in $({name}) from its env: write what it stands for"
        if from_elsewhere and _NAME.fullmatch(name):
            return command, f"Kubernetes may fill in $({name}) from its envFrom: write what it stands for"
    return command, None


def _unescaped(reference: re.Match[str]) -> str:
    return "$" if reference[0] == "$$" else reference[0]


def _not_carried(spec: Any, job: Any, pod: Any, container: Any) -> Iterator[str]:
    known = ("schedule", "timeZone", "startingDeadlineSeconds", "concurrencyPolicy", "suspend", "jobTemplate")
    parts = {
        "": others(spec, *known),
        "of its Job ": others(job, "activeDeadlineSeconds", "backoffLimit", "template"),
        "of its Pod ": others(pod, "containers", "restartPolicy"),
        "of its container ": others(container, "name", "command", "args"),
    }
    if said := [f"{of}{', '.join(keys)}" for of, keys in parts.items() if keys]:
        yield f"not carried: {'; '.join(said)}"


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default
