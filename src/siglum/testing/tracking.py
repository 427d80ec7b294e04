"""The contract of `TrackingStore`: subclass `TrackingStoreContract` and give it a fixture `store`.

    class TestMyStore(TrackingStoreContract):
        @pytest.fixture
        def store(self) -> Iterator[TrackingStore]:
            ...

The store may hold other things already; the tests make names of their own. Infinite values are not part of the
contract, because MLflow's wire format has none.
"""

from __future__ import annotations

from siglum.testing.tracking_experiments import ExperimentContract
from siglum.testing.tracking_metrics import MetricContract
from siglum.testing.tracking_models import LoggedModelContract
from siglum.testing.tracking_runs import RunContract
from siglum.testing.tracking_search import RunSearchContract, SearchErrorContract


class TrackingStoreContract(
    ExperimentContract, RunContract, MetricContract, RunSearchContract, LoggedModelContract, SearchErrorContract
):
    """All of it. Subclass this one."""
