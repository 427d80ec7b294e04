"""How much of the machine a run uses: sampled by a thread, under MLflow's names, from /proc and NVML where it is.

Nothing is started or imported unless it is asked for. A sample costs about a millisecond, and never the training
anything: what cannot be read is left out.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping

import msgspec

from siglum.client.tracking_uri import environment_value
from siglum.core.errors import InvalidInputError
from siglum.lineage.hardware import nvml_devices

PREFIX = "system/"
_MEGABYTE = 1e6
_log = logging.getLogger("siglum")

Log = Callable[[Mapping[str, float], int], None]
"""Takes what was measured, and the number of the measurement."""


class Sampling(msgspec.Struct, frozen=True):
    """Whether and how often: seconds between samples, samples of which the mean is logged, and a name in each key."""

    enabled: bool = False
    interval: float = 10.0
    samples: int = 1
    node_id: str | None = None


def sampling_from(environ: Mapping[str, str]) -> Sampling:
    """Read `SIGLUM_ENABLE_SYSTEM_METRICS_LOGGING`, `SIGLUM_SYSTEM_METRICS_…`, else MLflow's variables of these names.

    Raises:
        InvalidInputError: A variable is no number.
    """
    enabled = environment_value(environ, "ENABLE_SYSTEM_METRICS_LOGGING") or ""
    interval = environment_value(environ, "SYSTEM_METRICS_SAMPLING_INTERVAL") or "10"
    samples = environment_value(environ, "SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING") or "1"
    try:
        return checked(
            Sampling(
                enabled.lower() in ("1", "true"),
                float(interval),
                int(samples),
                environment_value(environ, "SYSTEM_METRICS_NODE_ID"),
            )
        )
    except ValueError as error:
        raise InvalidInputError(f"The environment's SYSTEM_METRICS variables are to be numbers: {error}.") from None


def checked(sampling: Sampling) -> Sampling:
    """Return it. Raises InvalidInputError for an interval or a number of samples that is not positive."""
    if not sampling.interval > 0:
        raise InvalidInputError(f"The interval between samples is {sampling.interval}: it must be positive.")
    if sampling.samples < 1:
        raise InvalidInputError(f"The number of samples is {sampling.samples}: it must be at least 1.")
    return sampling


class Sampler:
    """A thread that samples until it is stopped."""

    def __init__(
        self, sampling: Sampling, log: Log, *, first: int = 0, read: Callable[[], Mapping[str, float]] | None = None
    ) -> None:
        """Start it. `first` is the number of the first measurement; `read` measures, by default this machine."""
        self._first = first
        self._sampling = sampling
        self._log = log
        self._read = read or Machine().read
        self._stopped = threading.Event()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="siglum-system-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. What was sampled and not logged yet is logged. Nothing happens in a forked child."""
        self._stopped.set()
        if self._pid == os.getpid():
            self._thread.join()

    def _run(self) -> None:
        node = f"{self._sampling.node_id}/" if self._sampling.node_id else ""
        gathered: list[Mapping[str, float]] = []
        number = self._first
        done = False
        while not done:
            done = self._stopped.wait(self._sampling.interval)
            try:
                if not done or (not gathered and number == self._first):  # a short run has one sample, too
                    gathered.append(self._read())
                if gathered and (done or len(gathered) >= self._sampling.samples):
                    self._log({f"{PREFIX}{node}{key}": value for key, value in _means(gathered).items()}, number)
                    gathered, number = [], number + 1
            except Exception as error:  # noqa: BLE001  -- whatever it is, the training goes on
                _log.warning("System metrics are not sampled any more: %s", str(error).split("\n")[0])
                return


def _means(samples: list[Mapping[str, float]]) -> dict[str, float]:
    keys = dict.fromkeys(key for sample in samples for key in sample)
    found = {}
    for key in keys:
        values = [sample[key] for sample in samples if key in sample]
        found[key] = sum(values) / len(values)
    return found


class Machine:
    """This machine. Processors are measured since the last sample, the network since this was made."""

    def __init__(self, proc: str = "/proc", folder: str | None = None) -> None:
        """Read below `proc`; `folder` is on the disk that is measured (the current one by default)."""
        self._proc = proc
        self._folder = folder or os.getcwd()
        self._cpu = self._cpu_times()
        self._network = self._network_bytes()
        self._gpus = nvml_devices()

    def read(self) -> dict[str, float]:
        """Measure once."""
        found: dict[str, float] = {}
        for part in (self._cpu_part, self._memory_part, self._disk_part, self._network_part, self._gpu_part):
            try:
                found |= part()
            except Exception:  # noqa: BLE001, S112  -- another system than Linux, a sandbox, an error of NVML
                continue
        return found

    def _cpu_part(self) -> dict[str, float]:
        before, self._cpu = self._cpu, self._cpu_times()
        if before is None or self._cpu is None or self._cpu[1] == before[1]:
            return {}
        idle, total = self._cpu[0] - before[0], self._cpu[1] - before[1]
        return {"cpu_utilization_percentage": 100 * (1 - idle / total)}

    def _memory_part(self) -> dict[str, float]:
        with open(f"{self._proc}/meminfo", encoding="ascii") as file:
            values = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in file if line.strip()}
        used = values["MemTotal"] - values["MemAvailable"]
        return {
            "system_memory_usage_megabytes": used / _MEGABYTE,
            "system_memory_usage_percentage": 100 * used / values["MemTotal"],
        }

    def _disk_part(self) -> dict[str, float]:
        usage = shutil.disk_usage(self._folder)
        return {
            "disk_usage_percentage": 100 * usage.used / usage.total,
            "disk_usage_megabytes": usage.used / _MEGABYTE,
            "disk_available_megabytes": usage.free / _MEGABYTE,
        }

    def _network_part(self) -> dict[str, float]:
        now = self._network_bytes()
        if now is None or self._network is None:
            return {}
        received, sent = now[0] - self._network[0], now[1] - self._network[1]
        return {"network_receive_megabytes": received / _MEGABYTE, "network_transmit_megabytes": sent / _MEGABYTE}

    def _gpu_part(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for number, (nvml, handle) in enumerate(self._gpus):
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            found |= {
                f"gpu_{number}_utilization_percentage": float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
                f"gpu_{number}_memory_usage_megabytes": memory.used / _MEGABYTE,
                f"gpu_{number}_memory_usage_percentage": 100 * memory.used / memory.total,
                f"gpu_{number}_power_usage_watts": nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            }
        return found

    def _cpu_times(self) -> tuple[int, int] | None:
        """Return idle and all time of all processors, in ticks."""
        try:
            with open(f"{self._proc}/stat", encoding="ascii") as file:
                ticks = [int(each) for each in file.readline().split()[1:9]]
            return ticks[3] + ticks[4], sum(ticks)
        except (OSError, ValueError, IndexError):
            return None

    def _network_bytes(self) -> tuple[int, int] | None:
        """Return what all interfaces but the loopback have received and sent."""
        try:
            with open(f"{self._proc}/net/dev", encoding="ascii") as file:
                lines = [line.partition(":") for line in file if ":" in line]
            counted = [values.split() for name, _, values in lines if name.strip() != "lo"]
            return sum(int(each[0]) for each in counted), sum(int(each[8]) for each in counted)
        except (OSError, ValueError, IndexError):
            return None
