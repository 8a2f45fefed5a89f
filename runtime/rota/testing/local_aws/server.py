"""The ministack process: started, asked, ended."""

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any, cast

from rota.testing.local_aws.commands import tail
from rota.testing.local_aws.errors import LocalAwsError
from rota.testing.local_aws.host import inherited_environment

_LAUNCHER = Path(__file__).with_name("in_ministack")
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 5.0
_ANSWER_TIMEOUT = 60.0


class Server:
    """ministack in a process group of its own, listening on 127.0.0.1, its files in one private folder."""

    def __init__(self, python: Path, folder: Path, log_file: Path, tick: float | None) -> None:
        """Starts it with its own `python` and returns when it answers; `LocalAwsError` shows the log's end if not."""
        self._log_file = log_file
        self._asking = threading.Lock()
        command = [str(python), "-m", "rota_launcher", "--parent", str(os.getpid()), "--data", str(folder)]
        if tick is not None:
            command += ["--tick", str(tick)]
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a list of our own, no shell
                command,
                env=_environment(folder),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._requests = cast("IO[bytes]", self._process.stdin)  # pipes both, as just asked for
        self._answers = cast("IO[bytes]", self._process.stdout)
        try:
            self.port: int = self._read_answer(_START_TIMEOUT)["port"]
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def ask(self, what: str, **arguments: object) -> dict[str, Any]:
        """Has the launcher do `what` and returns what it answers when it is done; `LocalAwsError` says why it could
        not."""
        with self._asking:
            try:
                self._requests.write(json.dumps({"do": what, "with": arguments}).encode() + b"\n")
                self._requests.flush()
            except OSError:
                raise self._ended() from None
            answer = self._read_answer(_ANSWER_TIMEOUT)
        if answer["error"]:
            raise LocalAwsError(answer["error"])
        return answer

    def stop(self) -> None:
        """Ends it and what it started; safe to call twice."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                # Still ours to wait for, so its id, and with it the group's, cannot have been given to another.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()

    def _read_answer(self, timeout: float) -> dict[str, Any]:
        readable, _, _ = select.select([self._answers], [], [], timeout)
        if not readable:
            self.stop()  # an answer that came later would be taken for the next one
            raise LocalAwsError(f"ministack did not answer within {timeout:g} s and was ended; {self._log_tail()}")
        line = self._answers.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self._ended()
            if _answers_ready(self.port):
                return
            time.sleep(0.02)
        raise LocalAwsError(f"ministack was not ready within {_START_TIMEOUT:g} s; {self._log_tail()}")

    def _ended(self) -> LocalAwsError:
        return LocalAwsError(f"ministack has ended; {self._log_tail()}")

    def _log_tail(self) -> str:
        return f"the end of its log:\n{tail(self._log_file.read_text(errors='replace'))}"


def _environment(folder: Path) -> dict[str, str]:
    inherited = inherited_environment()
    own = {name: value for name, value in inherited.items() if not name.startswith(("MINISTACK_", "LOCALSTACK_"))}
    return own | {
        "PYTHONPATH": str(_LAUNCHER),  # ministack's environment knows nothing of rota
        "PYTHONDONTWRITEBYTECODE": "1",  # the launcher may stand in a folder that is not ours to write to
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",  # what queue URLs say; localhost may mean ::1 first, where nothing listens
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "PERSIST_STATE": "0",
        "AUTH": "false",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def _answers_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
