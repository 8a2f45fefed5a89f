"""The end of a process that started a worker and says nothing of stopping: a real interpreter, queues in memory."""

import subprocess
import sys
import textwrap
from pathlib import Path

SHOP = """
    import asyncio, sys, threading, time
    from datetime import timedelta
    from rota import Client, Job, Manifest, Queue, Retry, Worker
    from rota.queues.memory import MemoryBackend

    work = Queue(name="work")
    once = Retry(attempts=1)
    jobs = [Job(name=name, handler=f"__main__:{name}", target=work, retry=once) for name in ("ask", "tell")]
    busy = "trap 'exit 1' TERM; sleep 0.5; echo through > through"
    jobs.append(Job(name="report", command=["sh", "-c", f"touch begun; {busy}"], target=work, retry=once))
    manifest, backend = Manifest(name="shop", jobs=jobs), MemoryBackend()
    started = threading.Event()

    async def ask():
        started.set()
        await asyncio.sleep(0.3)
        print("answer", await asyncio.to_thread(lambda: 42), flush=True)

    def tell():
        started.set()
        print("told", flush=True)

    worker = Worker(manifest, backend=backend, long_poll=timedelta(seconds=0.1)).start()
"""


def run(rest: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    program = textwrap.dedent(SHOP) + textwrap.dedent(rest)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_handler_that_needs_an_executor_finishes_in_its_grace_time() -> None:
    ended = run("""
        Client(manifest, backend=backend).enqueue(jobs[0])
        started.wait(10)
    """)
    assert ended.stdout == "answer 42\n", ended.stderr
    assert ended.returncode == 0


def test_a_command_finishes_in_its_grace_time(tmp_path: Path) -> None:
    ended = run(
        """
        from pathlib import Path
        Client(manifest, backend=backend).enqueue(jobs[2])
        while not Path("begun").exists(): time.sleep(0.01)
        """,
        tmp_path,
    )
    assert (tmp_path / "through").exists(), ended.stderr
    assert ended.returncode == 0


def test_a_worker_goes_on_while_the_process_serves_in_other_threads() -> None:
    ended = run("""
        def serve():
            time.sleep(0.5)  # the main thread has ended long since
            Client(manifest, backend=backend).enqueue(jobs[1])
            started.wait(10)

        threading.Thread(target=serve).start()
    """)
    assert ended.stdout == "told\n", ended.stderr
