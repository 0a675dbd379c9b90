"""What the results of a benchmark depend on: processor, versions, load and date."""

import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch


def environment(device: torch.device) -> dict[str, Any]:
    """Return what the results depend on."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        cpu = next((x.split(": ")[1] for x in lines if x.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


class OtherProcesses:
    """How many cores other processes have used since this object was created."""

    def __init__(self) -> None:
        self._started, self._busy, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def cores(self) -> float | None:
        """Return the average number of cores, or None where the system does not report it.

        Processes that this one has started count as its own once they have ended.
        """
        busy = _busy_seconds()
        if self._busy is None or busy is None:
            return None
        seconds = busy - self._busy - (_own_seconds() - self._own)
        # The system counts in hundredths of a second, this process more finely.
        return max(0.0, round(seconds / (time.monotonic() - self._started), 2))


def _busy_seconds() -> float | None:
    """Return the time that all cores have worked since the system was started."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    ticks = dict(zip(names, map(int, path.read_text("utf-8").split()[1:]), strict=False))
    busy = sum(ticks.values()) - ticks["idle"] - ticks["iowait"]
    return busy / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Return the time that this process, and those that it has waited for, have worked."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
