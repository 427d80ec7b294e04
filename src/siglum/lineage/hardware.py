"""What a run computes on: processor, memory and GPUs, read from /proc and NVML without starting a process.

On record for people: no part of the recipe, since the same code is to give the same result elsewhere.
"""

from __future__ import annotations

import glob
import os
import platform
import re
from typing import Any

import msgspec

from siglum.core.text import size

_DRIVER = re.compile(r"\b(\d{3}\.\d+(?:\.\d+)*)\b")
_PROCESSOR_LINES = ("model name", "cpu model", "Hardware", "uarch")
"""What x86, MIPS, ARM and RISC-V call it."""


class Gpu(msgspec.Struct, frozen=True, omit_defaults=True):
    """A GPU. `memory` is in bytes, None where nothing tells it."""

    name: str
    memory: int | None = None
    driver: str | None = None


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    """A machine. `memory` is in bytes, None where nothing tells it; `cpus` may be used by this process."""

    cpu: str
    cpus: int
    memory: int | None = None
    gpus: tuple[Gpu, ...] = ()

    def words(self) -> dict[str, str]:
        """Return it as people read it, by name."""
        found = {"cpu": f"{self.cpus} × {self.cpu}"}
        if self.memory is not None:
            found["memory"] = size(self.memory)
        if self.gpus:
            found["gpu"] = ", ".join(f"{g.name} ({size(g.memory)})" if g.memory else g.name for g in self.gpus)
        return found


_captured: dict[str, Hardware] = {}


def capture_hardware(proc: str = "/proc") -> Hardware:
    """Return the machine that this process runs on, as `proc` tells it; asked once in a process."""
    if proc not in _captured:
        _captured[proc] = Hardware(cpu=_processor(proc), cpus=_usable(), memory=_memory(proc), gpus=_gpus(proc))
    return _captured[proc]


def nvml_devices() -> list[tuple[Any, Any]]:
    """Return the module of NVML and a handle for each GPU of NVIDIA; none where package, driver or GPU is missing."""
    try:
        import pynvml  # optional: who has GPUs of NVIDIA may have it

        pynvml.nvmlInit()
        return [(pynvml, pynvml.nvmlDeviceGetHandleByIndex(i)) for i in range(pynvml.nvmlDeviceGetCount())]
    except Exception:  # noqa: BLE001  -- no package, no driver, no GPU: NVML has its own errors
        return []


def _processor(proc: str) -> str:
    lines = dict(line.partition(":")[::2] for line in reversed(_read(f"{proc}/cpuinfo").splitlines()))
    named = {name.strip(): value.strip() for name, value in lines.items()}
    return next((named[name] for name in _PROCESSOR_LINES if named.get(name)), "") or platform.machine()


def _usable() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on every system
        return os.cpu_count() or 0


def _memory(proc: str) -> int | None:
    found = re.search(r"^MemTotal:\s+(\d+) kB", _read(f"{proc}/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _gpus(proc: str) -> tuple[Gpu, ...]:
    driver = f"{proc}/driver/nvidia"
    if not os.path.isdir(driver):
        return ()
    version = _DRIVER.search(_read(f"{driver}/version"))
    measured = [_measured(nvml, handle) for nvml, handle in nvml_devices()]
    if measured and None not in measured:
        return tuple(Gpu(name, memory, version[1] if version else None) for name, memory in filter(None, measured))
    found = []
    for path in sorted(glob.glob(f"{driver}/gpus/*/information")):
        model = re.search(r"^Model:\s*(.+?)\s*$", _read(path), re.MULTILINE)
        found.append(Gpu(model[1] if model else "NVIDIA", None, version[1] if version else None))
    return tuple(found)


def _measured(nvml: Any, handle: Any) -> tuple[str, int] | None:
    try:
        name = nvml.nvmlDeviceGetName(handle)
        return name.decode() if isinstance(name, bytes) else str(name), int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
    except Exception:  # noqa: BLE001  -- NVML has its own errors
        return None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
