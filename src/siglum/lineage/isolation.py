"""How a rebuilt run is kept away from real stores: a variable that `reproduce` sets and `client.stores` obeys."""

from __future__ import annotations

ISOLATION_VARIABLE = "SIGLUM_ISOLATED_STORE"
"""Names the one store that the process may open. A script may set a tracking URI of its own, that of a real store."""
