"""The Vega-Lite templates that come with Siglum: DVC's names, and specifications of our own. Pure."""

from __future__ import annotations

from collections.abc import Callable

from siglum.pipeline.results.plots.vega import Spec, anchor

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
DEFAULT_TEMPLATE = "linear"
_DATA, _X, _Y = anchor("DATA"), anchor("X"), anchor("Y")


def _x(kind: str = "quantitative") -> Spec:
    return {"field": _X, "type": kind, "title": anchor("X_LABEL")}


def _y(kind: str = "quantitative") -> Spec:
    return {"field": _Y, "type": kind, "title": anchor("Y_LABEL")}


_FREE: Spec = {"scale": {"zero": False}}


def _frame(view: Spec) -> Spec:
    sizes = {} if "facet" in view else {"width": anchor("PLOT_WIDTH"), "height": anchor("PLOT_HEIGHT")}
    head = {"$schema": SCHEMA, "title": {"text": anchor("TITLE"), "anchor": "start"}, "data": {"values": _DATA}}
    return head | sizes | view


def _simple() -> Spec:
    return _frame(
        {
            "params": [anchor("ZOOM_AND_PAN")],
            "mark": {"type": "line", "tooltip": True},
            "encoding": {
                "x": _x(),
                "y": _y() | _FREE,
                "color": anchor("COLOR"),
                "strokeDash": anchor("STROKE_DASH"),
                "tooltip": anchor("TOOLTIP"),
            },
        }
    )


def _linear() -> Spec:
    nearest = {"type": "point", "on": "pointerover", "nearest": True, "fields": [_X], "clear": "pointerout"}
    shown = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    return _frame(
        {
            "encoding": {"x": _x(), "y": _y() | _FREE, "color": anchor("COLOR")},
            "layer": [
                {
                    "params": [anchor("ZOOM_AND_PAN")],
                    "mark": {"type": "line", "interpolate": "linear"},
                    "encoding": {"strokeDash": anchor("STROKE_DASH")},
                },
                {
                    "params": [{"name": "near", "select": nearest}],
                    "mark": {"type": "point", "filled": True, "size": 40},
                    "encoding": {"opacity": shown, "tooltip": anchor("TOOLTIP")},
                },
            ],
        }
    )


def _smooth() -> Spec:
    bend = {"name": "bend", "value": 0.3, "bind": {"input": "range", "min": 0.05, "max": 1, "step": 0.05}}
    fitted = {"loess": _Y, "on": _X, "groupby": anchor("GROUP_BY"), "bandwidth": {"signal": "bend"}}
    return _frame(
        {
            "params": [bend],
            "encoding": {"x": _x(), "y": _y() | _FREE, "color": anchor("COLOR"), "strokeDash": anchor("STROKE_DASH")},
            "layer": [
                {"params": [anchor("ZOOM_AND_PAN")], "mark": {"type": "line", "opacity": 0.25}},
                {"transform": [fitted], "mark": {"type": "line", "strokeWidth": 2.5}},
            ],
        }
    )


def _scatter() -> Spec:
    return _frame(
        {
            "params": [anchor("ZOOM_AND_PAN")],
            "mark": {"type": "point", "opacity": 0.8},
            "encoding": {
                "x": _x() | _FREE,
                "y": _y() | _FREE,
                "color": anchor("COLOR"),
                "shape": anchor("SHAPE"),
                "tooltip": anchor("TOOLTIP"),
            },
        }
    )


def _scatter_jitter() -> Spec:
    made = _scatter()
    made["transform"] = [{"calculate": "random()", "as": "jitter_x"}, {"calculate": "random()", "as": "jitter_y"}]
    made["encoding"] |= {
        "x": _x("nominal"),
        "y": _y("nominal"),
        "xOffset": {"field": "jitter_x", "type": "quantitative"},
        "yOffset": {"field": "jitter_y", "type": "quantitative"},
    }
    return made


def _bars(*, ordered: bool) -> Spec:
    return _frame(
        {
            "params": [anchor("ZOOM_AND_PAN")],
            "mark": {"type": "bar", "tooltip": True},
            "encoding": {
                "x": _x(),
                "y": _y("nominal") | {"sort": "-x" if ordered else None},
                "yOffset": {"field": "rev", "sort": []},
                "color": anchor("COLOR"),
                "column": anchor("COLUMN"),
            },
        }
    )


def _confusion(*, normalized: bool) -> Spec:
    # Within a facet there are only the rows of one revision, so that nothing needs to be grouped by it.
    counts = [
        {"aggregate": [{"op": "count", "as": "count"}], "groupby": [_X, _Y]},
        {"impute": "count", "key": _X, "groupby": [_Y], "value": 0},
        {"impute": "count", "key": _Y, "groupby": [_X], "value": 0},
    ]
    total = {"op": "sum" if normalized else "max", "field": "count", "as": "total"}
    counts += [
        {"joinaggregate": [total], "groupby": [_Y] if normalized else []},
        {"calculate": "datum.total > 0 ? datum.count / datum.total : 0", "as": "share"},
    ]
    shown: Spec = {"field": "share", "type": "quantitative", "format": ".2f"} if normalized else {"field": "count"}
    colour = {"field": "share", "type": "quantitative", "scale": {"scheme": "blues", "domain": [0, 1]}, "legend": None}
    ink = {"condition": {"test": "datum.share > 0.5", "value": "white"}, "value": "black"}
    return _frame(
        {
            "facet": {"column": {"field": "rev", "sort": [], "title": None}, "row": anchor("ROW")},
            "spec": {
                "width": anchor("PLOT_WIDTH"),
                "height": anchor("PLOT_HEIGHT"),
                "transform": counts,
                "encoding": {"x": _x("nominal") | {"sort": "ascending"}, "y": _y("nominal") | {"sort": "ascending"}},
                "layer": [
                    {"mark": {"type": "rect", "tooltip": True}, "encoding": {"color": colour}},
                    {"mark": "text", "encoding": {"text": shown, "color": ink}},
                ],
            },
        }
    )


TEMPLATES: dict[str, Callable[[], Spec]] = {
    "simple": _simple,
    "linear": _linear,
    "confusion": lambda: _confusion(normalized=False),
    "confusion_normalized": lambda: _confusion(normalized=True),
    "scatter": _scatter,
    "scatter_jitter": _scatter_jitter,
    "smooth": _smooth,
    "bar_horizontal_sorted": lambda: _bars(ordered=True),
    "bar_horizontal": lambda: _bars(ordered=False),
}
