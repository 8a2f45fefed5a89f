"""What a test holds: the running local AWS."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rota.testing.local_aws.cdk_cli import find_cli, run_cli
from rota.testing.local_aws.environment import ACCOUNT, REGION, client_environment, new_client
from rota.testing.local_aws.errors import LocalAwsError
from rota.testing.local_aws.installation import Progress, ministack_python
from rota.testing.local_aws.server import Server

Outputs = dict[str, dict[str, str]]


def _print_progress(message: str) -> None:
    sys.stderr.write(f"rota: {message}\n")


@contextmanager
def local_aws(
    tick: float | None = None, *, log_file: Path | None = None, progress: Progress = _print_progress
) -> Iterator["LocalAws"]:
    """Starts a local AWS of its own on a free port of 127.0.0.1, and ends it with the block.

    `tick` is how often rules and schedules are looked at, in seconds; None leaves ministack's 10. A shorter one fires
    nothing earlier than it is due, only less late. `log_file` keeps ministack's log (appended to); without it the log
    goes with the block. `progress` is called with a line before what takes long: the installations of the first use.
    Raises `LocalAwsError` where it cannot be installed or started.
    """
    if tick is not None and tick <= 0:
        raise ValueError(f"tick is seconds, more than 0, not {tick!r}")
    python = ministack_python(progress)
    with tempfile.TemporaryDirectory(prefix="rota-local-aws-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        log = folder / "ministack.log" if log_file is None else log_file.absolute()
        server = Server(python, folder, log, tick)
        try:
            yield LocalAws(server, folder, log, progress)
        finally:
            server.stop()


class LocalAws:
    """A running local AWS: account 000000000000, region us-east-1. Made by `local_aws()`."""

    endpoint_url: str
    """Where it listens, e.g. ``http://127.0.0.1:40213``."""

    environment: dict[str, str]
    """For child processes, on top of their own: ``env={**os.environ, **aws.environment}``. Endpoint, keys, region."""

    log_file: Path
    """ministack's log."""

    def __init__(self, server: Server, folder: Path, log_file: Path, progress: Progress) -> None:
        self.endpoint_url = f"http://127.0.0.1:{server.port}"
        self.environment = client_environment(self.endpoint_url)
        self.log_file = log_file
        self._server = server
        self._folder = folder
        self._progress = progress
        self._bootstrapped = False

    def client(self, service: str) -> Any:
        """A boto3 client of `service` (``"sqs"``) bound to this local AWS, whatever the environment says."""
        return new_client(service, self.endpoint_url)

    def bootstrap(self, app_dir: str | Path = ".", *, timeout: float = 300) -> None:
        """``cdk bootstrap``, the first time it is called; `app_dir` says whose CDK CLI (default: the current folder's).

        Raises `LocalAwsError` with the CLI's last lines if it fails or takes longer than `timeout` seconds.
        """
        if self._bootstrapped:
            return
        cli = find_cli(Path(app_dir), self._progress)
        # Outside of any app: there, the CLI would synthesize it first.
        arguments = ["bootstrap", f"aws://{ACCOUNT}/{REGION}"]
        run_cli("cdk bootstrap", cli, arguments, cwd=self._folder, env=self.environment, timeout=timeout)
        self._bootstrapped = True

    def deploy(
        self,
        app_dir: str | Path,
        *stacks: str,
        context: Mapping[str, str] | None = None,
        app: str | None = None,
        env: Mapping[str, str] | None = None,
        concurrency: int = 1,
        timeout: float = 600,
    ) -> Outputs:
        """``cdk deploy`` of the app in `app_dir`, bootstrapping first if need be; again, to update what was deployed.

        `stacks` are those to deploy (default: all), `context` is ``--context``, `app` the command that synthesizes
        (default: cdk.json's), `env` more variables for it: ``CDK_VALIDATION=false`` halves the time. `concurrency` is
        how many stacks at once, where one does not wait for the other. Returns the outputs:
        ``{stack: {output: value}}``. Raises `LocalAwsError` with the CLI's last lines if it fails or takes longer than
        `timeout` seconds.
        """
        self.bootstrap(app_dir)
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            outputs = Path(scratch, "outputs.json")
            arguments = ["deploy", *(stacks or ["--all"]), "--require-approval", "never", "--method", "direct"]
            arguments += ["--outputs-file", str(outputs), "--concurrency", str(concurrency), "--progress", "events"]
            self._run_app(app_dir, arguments, context=context, app=app, env=env, timeout=timeout)
            found: Outputs = json.loads(outputs.read_text()) if outputs.exists() else {}
        return found

    def diff(
        self,
        app_dir: str | Path,
        *stacks: str,
        context: Mapping[str, str] | None = None,
        app: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> str:
        """``cdk diff`` of the app in `app_dir` with what is deployed: what a `deploy` would change.

        `stacks` (default: all), `context`, `app`, `env` and `timeout` are as for `deploy`. Returns what the CLI prints:
        templates are compared, without a change set. Raises `LocalAwsError` with its last lines if it fails.
        """
        arguments = ["diff", *stacks, "--method", "template"]
        return self._run_app(app_dir, arguments, context=context, app=app, env=env, timeout=timeout)

    def _run_app(
        self,
        app_dir: str | Path,
        arguments: Sequence[str],
        *,
        context: Mapping[str, str] | None,
        app: str | None,
        env: Mapping[str, str] | None,
        timeout: float,
    ) -> str:
        """The CLI's command `arguments` on the app, which it synthesizes first."""
        folder = Path(app_dir)
        with tempfile.TemporaryDirectory(dir=self._folder) as assembly:
            # A look-up would leave its answers, true of this AWS alone, in the app's own cdk.context.json.
            whole = [*arguments, "--no-lookups", "--output", assembly]
            if app is not None:
                whole += ["--app", app]
            for name, value in (context or {}).items():
                whole += ["--context", f"{name}={value}"]
            cli = find_cli(folder, self._progress)
            variables = {**(env or {}), **self.environment}
            return run_cli(f"cdk {arguments[0]}", cli, whole, cwd=folder, env=variables, timeout=timeout)

    def fire_rule(self, name: str, at: datetime | None = None) -> None:
        """Fires the EventBridge rule `name` (default bus) now, once, whatever its expression says.

        `at` (aware) becomes the event's ``$.time``, to the second; without it, that is now. Returns when the message
        is in the queue, or the Lambda invoked. Raises `LocalAwsError` if there is no such rule (with the names near
        it), if it is disabled or has no target, or if the target could not be reached or its policy forbids it.
        """
        self._server.ask("fire_rule", name=name, at=_epoch(at))

    def fire_schedule(self, name: str, group: str | None = None, at: datetime | None = None) -> None:
        """Fires the EventBridge Scheduler schedule `name` of `group` (default: ``default``) now, once.

        `at` (aware) becomes ``<aws.scheduler.scheduled-time>``, to the second; without it, that is now. Returns and
        raises as `fire_rule` does.
        """
        self._server.ask("fire_schedule", name=name, group=group or "default", at=_epoch(at))

    def balancer_url(self, dns_name: str, port: int = 80) -> str:
        """Where the load balancer `dns_name` is to be reached from here, by its HTTP listener on `port`: a URL of
        loopback, without a slash at its end.

        Lambda functions in Python reach it by its own name and port, as on AWS. Raises `LocalAwsError` if there is no
        such load balancer or listener.
        """
        found = self._server.ask("find_balancer", name=dns_name, port=port)["port"]
        if not found:
            what = "no load balancer is named" if found is None else f"there is no HTTP listener on port {port} of"
            raise LocalAwsError(f"{what} {dns_name!r}")
        return f"http://127.0.0.1:{found}"

    def enforce_policies(self) -> None:
        """From now on IAM policies count, as on AWS: a role's or user's credentials can do what its policies allow.

        Until then, and for `client` and `environment` for ever, everyone is root. Call it after the deploy; there is no
        way back. For a role's credentials: ``aws.client("sts").assume_role(...)``.
        """
        self._server.ask("enforce_policies")


def _epoch(at: datetime | None) -> float | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"at needs a time zone: {at.isoformat()} could be any of a day's instants")
    return at.timestamp()
