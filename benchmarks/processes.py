"""What a contender's processes use. Linux: CPU time is read to the nanosecond where psutil's own ticks are of 10 ms."""

import os
import signal
import subprocess
import time

import psutil


def cpu(process: subprocess.Popen[bytes] | psutil.Process) -> float:
    """Seconds of processor time of a process and its living descendants."""
    return sum(_cpu_of(pid) for pid in _tree(process))


def _cpu_of(pid: int) -> float:
    try:
        return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) returns
    except OSError:
        return 0.0  # it has ended


def memory(process: subprocess.Popen[bytes]) -> float:
    """MiB of the tree, memory that its processes share counted once (PSS)."""
    total = 0
    for pid in _tree(process):
        try:
            total += psutil.Process(pid).memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def _tree(process: subprocess.Popen[bytes] | psutil.Process) -> list[int]:
    try:
        root = psutil.Process(process.pid)
        return [root.pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the process and its group, which it leads."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
