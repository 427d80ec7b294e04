"""The machine on record: read from a /proc that is laid out as Linux and NVIDIA's driver lay it out."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from siglum.lineage.environment import capture_environment
from siglum.lineage.hardware import Gpu, capture_hardware

CPUINFO = "processor\t: 0\nmodel name\t: Example CPU @ 3 GHz\n\nprocessor\t: 1\nmodel name\t: Example CPU @ 3 GHz\n"
NVIDIA = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2026\nGCC 12.2.0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    (tmp_path / "meminfo").write_text("MemTotal:       2000000 kB\nMemFree:         1 kB\n")
    card = tmp_path / "driver" / "nvidia" / "gpus" / "0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 17\n")
    (card.parent.parent / "version").write_text(NVIDIA)
    return tmp_path


def test_what_proc_tells(proc: Path) -> None:
    found = capture_hardware(str(proc))
    assert (found.cpu, found.memory) == ("Example CPU @ 3 GHz", 2_048_000_000)
    assert found.cpus >= 1
    assert found.gpus == (Gpu("NVIDIA A100-SXM4-40GB", None, "535.104.05"),)
    assert found.words()["gpu"] == "NVIDIA A100-SXM4-40GB"


def test_nvml_knows_the_memory(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML needs a GPU, which test machines do not have: what stands in has its names, and its bytes for texts."""
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda _handle: b"NVIDIA A100-SXM4-40GB",
        nvmlDeviceGetMemoryInfo=lambda _handle: SimpleNamespace(total=40 * 2**30),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = capture_hardware(str(proc))
    assert found.gpus == (Gpu("NVIDIA A100-SXM4-40GB", 40 * 2**30, "535.104.05"),)
    assert found.words()["gpu"] == "NVIDIA A100-SXM4-40GB (40.0 GiB)"


def test_where_nothing_tells_anything(tmp_path: Path) -> None:
    found = capture_hardware(str(tmp_path))
    assert found.cpu
    assert (found.memory, found.gpus) == (None, ())


def test_this_machine_is_in_the_environment() -> None:
    hardware = capture_environment({}).hardware
    assert hardware is not None
    assert hardware == capture_hardware()
    assert hardware.memory is None or hardware.memory > 2**20
