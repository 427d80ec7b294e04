"""System metrics: what is read, when it is logged, and that it never disturbs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import siglum
from siglum.client import state
from siglum.client.system_metrics import Machine, Sampler, Sampling, sampling_from
from siglum.core.errors import InvalidInputError

MEMINFO = "MemTotal: 2000000 kB\nMemFree: 1 kB\nMemAvailable: 500000 kB\n"
NETWORK = (
    "Inter-| Receive | Transmit\n face |bytes packets\n    lo: 9000000 0 0 0 0 0 0 0 9000000 0 0 0 0 0 0 0\n"
    "  eth0: {received} 0 0 0 0 0 0 0 {sent} 0 0 0 0 0 0 0\n"
)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    state.set_sampling(None)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    (tmp_path / "stat").write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1\n")
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "net" / "dev").write_text(NETWORK.format(received=1_000_000, sent=0))
    return tmp_path


def test_what_is_read(proc: Path) -> None:
    machine = Machine(str(proc), str(proc))
    (proc / "stat").write_text("cpu  175 0 100 715 110 0 0 0 0 0\n")  # 100 ticks more, 25 of them idle or waiting
    (proc / "net" / "dev").write_text(NETWORK.format(received=4_000_000, sent=500_000))
    found = machine.read()
    assert found["cpu_utilization_percentage"] == pytest.approx(75)
    assert found["system_memory_usage_percentage"] == pytest.approx(75)
    assert found["system_memory_usage_megabytes"] == pytest.approx(1536)
    assert found["network_receive_megabytes"] == pytest.approx(3)
    assert found["network_transmit_megabytes"] == pytest.approx(0.5)
    assert 0 <= found["disk_usage_percentage"] <= 100
    assert "cpu_utilization_percentage" not in machine.read()  # no tick has passed


@pytest.mark.parametrize("damage", [None, "", "nonsense\n", "cpu x\neth0: y\nMemTotal:\n"])
def test_what_cannot_be_read_is_left_out(damage: str | None, proc: Path) -> None:
    for name in ("stat", "meminfo", "net/dev"):
        if damage is None:
            (proc / name).unlink()
        else:
            (proc / name).write_text(damage)
    found = Machine(str(proc), str(proc)).read()
    assert {key for key in found if not key.startswith("network")} == {
        "disk_usage_percentage", "disk_usage_megabytes", "disk_available_megabytes",
    }  # fmt: skip


def test_means_and_numbers() -> None:
    logged: list[tuple[dict[str, float], int]] = []
    enough = threading.Event()
    values = iter(range(100))

    def log(measured: Mapping[str, float], number: int) -> None:
        logged.append((dict(measured), number))
        if len(logged) == 2:
            enough.set()

    sampling = Sampling(enabled=True, interval=0.001, samples=2, node_id="n1")
    sampler = Sampler(sampling, log, first=5, read=lambda: {"x": next(values)})
    assert enough.wait(20)
    sampler.stop()
    assert logged[:2] == [({"system/n1/x": 0.5}, 5), ({"system/n1/x": 2.5}, 6)]
    assert [number for _, number in logged] == list(range(5, 5 + len(logged)))


def test_an_error_ends_the_sampling_with_a_line(caplog: pytest.LogCaptureFixture) -> None:
    failed = threading.Event()

    def read() -> Mapping[str, float]:
        failed.set()
        raise RuntimeError("no\nmore")

    with caplog.at_level(logging.WARNING, "siglum"):
        sampler = Sampler(Sampling(interval=0.001), lambda _values, _number: None, read=read)
        assert failed.wait(20)
        sampler.stop()
    assert [record.getMessage() for record in caplog.records] == ["System metrics are not sampled any more: no"]


def test_in_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()
    siglum.set_system_metrics_sampling_interval(100)  # a short run has one sample, too
    with siglum.start_run(log_system_metrics=True) as asked:
        pass
    siglum.enable_system_metrics_logging()
    siglum.set_system_metrics_node_id("rank-1")
    with siglum.start_run() as enabled:
        pass
    with siglum.start_run(log_system_metrics=False) as refused:
        pass
    with siglum.start_run(run_id=asked.info.run_id):
        pass
    siglum.disable_system_metrics_logging()
    with siglum.start_run() as disabled:
        pass
    client = siglum.MlflowClient()
    keys = set(client.get_run(asked.info.run_id).data.metrics)
    assert {"system/system_memory_usage_percentage", "system/disk_usage_percentage"} <= keys
    points = client.get_metric_history(asked.info.run_id, "system/rank-1/disk_usage_percentage")
    assert [point.step for point in points] == [1]  # behind the one of before
    assert all(key.startswith("system/rank-1/") for key in client.get_run(enabled.info.run_id).data.metrics)
    assert client.get_run(enabled.info.run_id).data.metrics
    for run in (refused, disabled):
        assert client.get_run(run.info.run_id).data.metrics == {}
    assert "siglum-system-metrics" not in {thread.name for thread in threading.enumerate()}
    assert threading.active_count() <= before + 3  # the store's writer, and the queue's threads


def test_settings() -> None:
    assert sampling_from({}) == Sampling(enabled=False, interval=10, samples=1, node_id=None)
    environment = {
        "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true", "SIGLUM_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.5",
        "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "9", "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING": "3",
        "MLFLOW_SYSTEM_METRICS_NODE_ID": "a",
    }  # fmt: skip
    assert sampling_from(environment) == Sampling(enabled=True, interval=0.5, samples=3, node_id="a")
    for name, value in (("SAMPLING_INTERVAL", "often"), ("SAMPLING_INTERVAL", "-1"), ("SAMPLES_BEFORE_LOGGING", "0")):
        with pytest.raises(InvalidInputError):
            sampling_from({f"SIGLUM_SYSTEM_METRICS_{name}": value})
    with pytest.raises(InvalidInputError):
        siglum.set_system_metrics_sampling_interval(0)
    with pytest.raises(InvalidInputError):
        siglum.set_system_metrics_samples_before_logging(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_it_alone() -> None:
    sampler = Sampler(Sampling(interval=100), lambda _values, _number: None, read=lambda: {"x": 1.0})
    child = os.fork()
    if child == 0:
        sampler.stop()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    sampler.stop()
