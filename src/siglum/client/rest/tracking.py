"""`TrackingStore` over MLflow's REST API, put together from the parts."""

from __future__ import annotations

from siglum.client.rest.parts.experiments import Experiments
from siglum.client.rest.parts.logged_models import LoggedModels
from siglum.client.rest.parts.runs import Runs
from siglum.client.rest.parts.values import Values


class RestTrackingStore(Experiments, Runs, Values, LoggedModels):
    """Experiments, runs and logged models at a server. Several stores may share one session; closing one closes it.

    What a server refuses, and in which words, is the server's; Siglum's answers make the same errors as its SQL
    store. `log_batch` is sent as one request, so a batch beyond the server's limits is refused whole.
    """

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
