"""How the anchors of a Vega-Lite template are filled. Pure.

A template is JSON in which texts such as `<DVC_METRIC_DATA>` stand for what a plot has. The names of templates and
anchors and what they are filled with are DVC's, so that templates written for it work here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from siglum.core.errors import InvalidInputError
from siglum.pipeline.results.plots.fields import PlotData

Spec = dict[str, Any]

COLOURS = ("#2b6cb0", "#d9480f", "#2f855a", "#805ad5", "#b7791f", "#c2255c", "#0c8599", "#495057")
"""Of lines, one a revision: apart in hue and in lightness, and with enough contrast on white."""
_DASHES = ([1, 0], [8, 8], [8, 4], [4, 4], [4, 2], [2, 1], [1, 1])
_SHAPES = ("circle", "square", "triangle", "diamond")
_DEFAULT_SIZE = 300


def anchor(name: str) -> str:
    """Return the text that stands for a value."""
    return f"<DVC_METRIC_{name}>"


_DATA, _X, _Y = anchor("DATA"), anchor("X"), anchor("Y")
# A template that has none of these gets each row's file and field in columns of their own.
_GROUPING = tuple(
    anchor(name)
    for name in (
        "COLOR", "COLUMN", "GROUP_BY", "GROUP_BY_X", "GROUP_BY_Y", "PIVOT_FIELD", "PLOT_HEIGHT", "PLOT_WIDTH", "ROW",
        "SHAPE", "STROKE_DASH", "TOOLTIP", "ZOOM_AND_PAN",
    )
)  # fmt: skip
_SPLIT = (
    "COLOR", "DATA", "PLOT_HEIGHT", "PLOT_WIDTH", "SHAPE", "STROKE_DASH", "TITLE", "TOOLTIP", "X_LABEL", "Y_LABEL",
    "ZOOM_AND_PAN",
)  # fmt: skip
_ALWAYS = frozenset(anchor(name) for name in ("DATA", "TITLE", "X_LABEL", "Y_LABEL"))


def check_template(template: Any, name: str) -> None:
    """Raise InvalidInputError for a template that has no place for data."""
    if _DATA not in _texts(template):
        raise InvalidInputError(
            f"The template {name!r} has no place for data.", hint=f'Write "{_DATA}" where its values belong.'
        )


def fill(template: Any, data: PlotData) -> Any:
    """Return a template with its anchors filled."""
    return _filled(template, _values(data, set(_texts(template))))


def split(template: Any, data: PlotData) -> tuple[Any, dict[str, Any]]:
    """Return a template in which the anchors that programs fill themselves still stand, and what belongs there."""
    used = set(_texts(template))
    values = _values(data, used)
    kept = {
        key: values.pop(key) for key in map(anchor, _SPLIT) if values[key] != {} and (key in used or key in _ALWAYS)
    }
    return _filled(template, values), kept


def _values(data: PlotData, used: set[str]) -> dict[str, Any]:
    group, rev, x, y = data.group, "rev", _escaped(data.x), _escaped(data.y)
    by = [rev] + ([group] if group else [])
    pivot = "datum.rev" + "".join(f" + '::' + datum.{part}" for part in (group or "").split("::") if part)
    facet = {"field": group, "sort": []} if group else {}
    return {
        _DATA: data.rows(keep=used.isdisjoint(_GROUPING)),
        anchor("TITLE"): data.title,
        _X: x,
        _Y: y,
        anchor("X_LABEL"): data.x_label,
        anchor("Y_LABEL"): data.y_label,
        anchor("COLOR"): {
            "field": rev,
            "scale": {"domain": list(data.revisions), "range": _cycled(COLOURS, len(data.revisions))},
        },
        anchor("STROKE_DASH"): _grouped(data, _DASHES),
        anchor("SHAPE"): _grouped(data, _SHAPES),
        anchor("COLUMN"): facet,
        anchor("ROW"): facet,
        anchor("GROUP_BY"): by,
        anchor("GROUP_BY_X"): [*by, x],
        anchor("GROUP_BY_Y"): [*by, y],
        anchor("PIVOT_FIELD"): pivot,
        anchor("TOOLTIP"): [{"field": each} for each in (rev, x, y, *by[1:])],
        anchor("PLOT_WIDTH"): _DEFAULT_SIZE,
        anchor("PLOT_HEIGHT"): _DEFAULT_SIZE,
        anchor("ZOOM_AND_PAN"): {"name": "grid", "select": "interval", "bind": "scales"},
    }


def _escaped(field: str) -> str:
    """Return a field's name as Vega-Lite reads it: dots and brackets would lead into nested values."""
    return "".join(f"\\{character}" if character in ".[]" else character for character in field)


def _grouped(data: PlotData, choices: Sequence[Any]) -> Spec:
    if data.group is None:
        return {}
    names = sorted(set(data.names.values()))
    return {
        "field": data.group,
        "scale": {"domain": names, "range": _cycled(choices, len(names))},
        "legend": {"symbolFillColor": "transparent", "symbolStrokeColor": "grey"},
    }


def _cycled(choices: Sequence[Any], number: int) -> list[Any]:
    return [choices[i % len(choices)] for i in range(number)]


def _filled(template: Any, values: dict[str, Any]) -> Any:
    if isinstance(template, dict):
        return {key: _filled(each, values) for key, each in template.items()}
    if isinstance(template, list):
        return [_filled(each, values) for each in template]
    if not isinstance(template, str) or "<DVC_METRIC_" not in template:
        return template
    if template in values:
        return values[template]
    for name, value in values.items():
        if isinstance(value, str):
            template = template.replace(name, value)
    return template


def _texts(template: Any) -> list[str]:
    if isinstance(template, str):
        return [template]
    if isinstance(template, dict):
        return [text for each in template.values() for text in _texts(each)]
    return [text for each in template for text in _texts(each)] if isinstance(template, list) else []
