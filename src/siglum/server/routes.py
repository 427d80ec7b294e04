"""The one table of routes. Every prefix, the dispatcher and the permission test are derived from it."""

from __future__ import annotations

from siglum.server.route import Route
from siglum.server.tables import files, own, registry, serving, tracking

ROUTES: tuple[Route, ...] = (
    *tracking.ROUTES,
    *files.ROUTES,
    *registry.ROUTES,
    *own.ROUTES,
    *serving.ROUTES,
)
