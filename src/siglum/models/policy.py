"""The allow-list: which classes and functions a model of unknown origin may name, and what it may do with them.

A deny-list of dangerous names is bypassed again and again, so this is the opposite: a name is allowed when calling it
with any arguments, or setting any attributes on what it makes, is known to run nothing but code that builds data.

Three uses are told apart, because a name that is harmless as a value may not be harmless to call:

- `may_call`: functions that a pickle calls to rebuild an object (numpy arrays, random generators, loss functions);
- `may_create`: classes of which instances are made without calling `__init__` and then given attributes;
- `may_hold`: what may only be stored as a value (a dtype class, a numpy function).
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
from scipy.sparse import sparray, spmatrix
from sklearn._loss.link import BaseLink, Interval
from sklearn._loss.loss import BaseLoss
from sklearn.base import BaseEstimator
from sklearn.gaussian_process.kernels import Kernel
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit

TREE = "sklearn.tree._tree.Tree"
TREE_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"

_CALLABLE = frozenset(
    {
        "numpy.dtype",
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray.scalar",
        "numpy._core.numeric._frombuffer",
        "numpy.core.numeric._frombuffer",
        "numpy.ma.core._mareconstruct",
        "numpy.random._pickle.__randomstate_ctor",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
        TREE,
        "builtins.set",
        "builtins.frozenset",
        "builtins.slice",
        "builtins.complex",
        "collections.OrderedDict",
        "collections.defaultdict",
    }
)
_VALUES = frozenset(
    {
        "numpy.ndarray",
        "numpy.ma.MaskedArray",
        "numpy.ma.core.MaskedArray",
        "numpy.random._mt19937.MT19937",
        "numpy.random._pcg64.PCG64",
        "numpy.random._pcg64.PCG64DXSM",
        "numpy.random._philox.Philox",
        "numpy.random._sfc64.SFC64",
        "numpy.random.bit_generator.SeedSequence",
        "builtins.int",
        "builtins.float",
        "builtins.str",
        "builtins.bool",
        "builtins.list",
        "builtins.dict",
        "builtins.tuple",
        "builtins.object",
    }
)
_EXACT_CLASSES = frozenset(
    {
        TREE_PREDICTOR,
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.utils._bunch.Bunch",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    }
)
_BASES = (BaseEstimator, BaseLoss, BaseLink, Interval, Kernel, BaseCrossValidator, BaseShuffleSplit)
_LOSSES = re.compile(
    r"sklearn\.linear_model\._sgd_fast\.[A-Z]\w*|sklearn\._loss\._loss\.(__pyx_unpickle_)?Cy[A-Z]\w*|_loss\.Cy[A-Z]\w*"
)
_SKLEARN_MODULE = re.compile(r"sklearn(\.[a-z0-9_]+)+")
_NOT_FOR_MODELS = frozenset({"tests", "conftest", "datasets", "externals", "experimental", "_build_utils", "setup"})


def may_call(module: str, name: str) -> bool:
    """Whether a pickle may call this with arguments of its own."""
    full = f"{module}.{name}"
    return full in _CALLABLE or bool(_LOSSES.fullmatch(full))


def may_create(module: str, name: str) -> bool:
    """Whether instances of this may be made and given attributes. Imports the module if it is one of scikit-learn's."""
    if f"{module}.{name}" in _EXACT_CLASSES:
        return True
    found = _class_of_known_package(module, name)
    return found is not None and issubclass(found, (*_BASES, spmatrix, sparray))


def may_hold(module: str, name: str) -> bool:
    """Whether this may be stored as a value."""
    if f"{module}.{name}" in _VALUES:
        return True
    if module != "numpy" or not name.isidentifier():
        return False
    found = getattr(np, name, None)
    return isinstance(found, np.ufunc) or (isinstance(found, type) and issubclass(found, np.generic))


def is_allowed(module: str, name: str) -> bool:
    """Whether a model may name this at all."""
    return may_call(module, name) or may_hold(module, name) or may_create(module, name)


def _class_of_known_package(module: str, name: str) -> type[Any] | None:
    """Return the class, when the module is one of scikit-learn's or scipy.sparse's own and defines it itself."""
    segments = module.split(".")
    known = _SKLEARN_MODULE.fullmatch(module) or module.startswith("scipy.sparse._")
    if not known or not name.isidentifier() or not _NOT_FOR_MODELS.isdisjoint(segments):
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and found.__module__ == module else None
