"""The generic flavor: any model behind one `predict`, its input checked against its signature, in MLflow's layout.

Found on first use, because loading and saving need numpy, pandas and cloudpickle.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siglum.models.pyfunc.loading import load_pyfunc
    from siglum.models.pyfunc.model import PyFuncModel
    from siglum.models.pyfunc.python_model import PythonModel, PythonModelContext
    from siglum.models.pyfunc.saving import save_pyfunc

__all__ = ["PyFuncModel", "PythonModel", "PythonModelContext", "load_pyfunc", "save_pyfunc"]

_WHERE = {
    "PyFuncModel": "model",
    "PythonModel": "python_model",
    "PythonModelContext": "python_model",
    "load_pyfunc": "loading",
    "save_pyfunc": "saving",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
