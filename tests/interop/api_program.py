"""Calls `dvc.api` or `siglum.api`, by the first argument, and prints what comes of each call, one line of JSON each."""

from __future__ import annotations

import importlib
import json
import sys

CALLS: list[tuple[str, tuple[str, ...], dict[str, object]]] = [
    ("params_show", (), {}),
    ("params_show", (), {"deps": True}),
    ("params_show", (), {"stages": "train"}),
    ("params_show", (), {"stages": ["train", "other"], "deps": True}),
    ("params_show", (), {"stages": "sub/dvc.yaml:s"}),
    ("params_show", (), {"stages": "nope"}),
    ("params_show", ("other.json",), {}),
    ("params_show", ("params.yaml", "other.json"), {}),
    ("params_show", ("free.yaml",), {}),
    ("params_show", ("nope.yaml",), {}),
    ("params_show", (), {"rev": "v1"}),
    ("params_show", (), {"rev": "nope"}),
    ("params_show", (), {"repo": "sub"}),
    ("params_show", ("other.json",), {"deps": True}),
    ("params_show", ("params.yaml",), {"stages": "other"}),
    ("metrics_show", (), {}),
    ("metrics_show", ("m.json",), {}),
    ("metrics_show", ("top.json", "m2.json"), {}),
    ("metrics_show", ("free.yaml",), {}),
    ("metrics_show", ("nope.json",), {}),
    ("metrics_show", (), {"rev": "v1"}),
    ("artifacts_show", ("model",), {}),
    ("artifacts_show", ("model",), {"version": "v1.0.0"}),
    ("artifacts_show", ("model",), {"version": "1.0.0"}),
    ("artifacts_show", ("model",), {"stage": "prod"}),
    ("artifacts_show", ("model",), {"stage": "nope"}),
    ("artifacts_show", ("nope",), {}),
    ("artifacts_show", ("nested",), {}),
    ("artifacts_show", ("sub:inner",), {}),
    ("artifacts_show", ("sub/dvc.yaml:inner",), {"version": "v0.0.1"}),
    ("artifacts_show", ("model",), {"version": "v1.0.0", "stage": "prod"}),
]


def main() -> None:
    """Print what each call returns; of a call that fails, only that it does."""
    api = importlib.import_module(f"{sys.argv[1]}.api")
    for name, arguments, options in CALLS:
        try:
            found = getattr(api, name)(*arguments, **options)
        except Exception:  # noqa: BLE001  -- the two have classes of their own
            found = "fails"
        print(json.dumps([name, arguments, options, found], sort_keys=True))


if __name__ == "__main__":
    main()
