"""Check what scikit-learn's native code follows blindly: the indices in decision trees and sparse matrices.

A decision tree is an array of nodes that name their children and their feature by number, and prediction follows the
numbers without a look. In a file from elsewhere they may point outside the array, so they are compared with the sizes
of the arrays before the tree is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import sparray, spmatrix

_NODE_FIELDS = {"left_child", "right_child", "feature", "threshold"}


class DamagedModelError(ValueError):
    """What a tree, matrix or generator says does not fit its own sizes. Callers turn this into an IntegrityError."""


def check_tree(arguments: Any, state: Any) -> None:
    """Check a `Tree` by what it is made from, before it exists: its constructor's arguments and its state.

    Raises DamagedModelError. A child's number is always greater than its parent's, as scikit-learn builds trees;
    that also rules out rings.
    """
    check_tree_arguments(arguments)
    n_features, n_classes, n_outputs = arguments
    _check(isinstance(state, dict), "the state of a tree must be a dictionary")
    nodes, values, node_count = state.get("nodes"), state.get("values"), state.get("node_count")
    _check(isinstance(nodes, np.ndarray) and nodes.ndim == 1, "a tree has no array of nodes")
    _check(set(nodes.dtype.names or ()) >= _NODE_FIELDS, "the nodes of a tree lack fields")
    _check(isinstance(node_count, int | np.integer) and node_count == len(nodes), "a tree's node count is wrong")
    shape = (len(nodes), int(n_outputs), int(n_classes.max()))
    _check(isinstance(values, np.ndarray) and values.shape == shape, "the values of a tree have another shape")
    _check(isinstance(state.get("max_depth"), int | np.integer), "a tree has no depth")
    check_nodes(nodes["left_child"], nodes["right_child"], nodes["left_child"] != -1)
    inner = nodes["feature"][nodes["left_child"] != -1]
    _check(((inner >= 0) & (inner < n_features)).all(), "a node of a tree tests a feature that is not there")


def check_tree_arguments(arguments: Any) -> None:
    """Check what the constructor of a `Tree` is given: it reads as many numbers of classes as it is told."""
    _check(isinstance(arguments, tuple) and len(arguments) == 3, "a tree needs three arguments")
    n_features, n_classes, n_outputs = arguments
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in (n_features, n_outputs))
    _check(whole and 0 <= n_features < 2**31 and 0 < n_outputs < 2**31, "the sizes of a tree are wrong")
    _check(
        isinstance(n_classes, np.ndarray) and n_classes.dtype == np.intp and n_classes.shape == (int(n_outputs),),
        "a tree's numbers of classes do not fit its outputs",
    )
    _check(bool((n_classes >= 1).all()) and int(n_classes.max()) < 2**31, "a tree's numbers of classes are wrong")


def check_nodes(left: Any, right: Any, inner: Any) -> None:
    """Check that the children of every inner node come after it and are there. Raises DamagedModelError."""
    count = len(left)
    numbers = np.arange(count)[inner]
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        _check(((child > numbers) & (child < count)).all(), "a node of a tree has a child that is not there")


def check_loaded(root: Any) -> None:
    """Check all trees, matrices and generators that a loaded object holds. Raises DamagedModelError."""
    seen: set[int] = set()
    pending = [root]
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, str | bytes | int | float | bool | type(None) | type):
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            pending.extend(value)
        elif isinstance(value, np.ndarray):
            if value.dtype.kind == "O":
                pending.extend(value.ravel().tolist())
        else:
            _check_object(value)
            pending.extend(getattr(value, "__dict__", {}).values())


def _check_object(value: Any) -> None:
    if isinstance(value, spmatrix | sparray):
        _check_sparse(value)
    elif isinstance(value, np.random.RandomState):
        _check_position(value.get_state(legacy=False))
    elif isinstance(value, np.random.Generator):
        _check_position(value.bit_generator.state)
    elif type(value).__name__ == "TreePredictor":
        _check_predictor(value)
    elif hasattr(value, "estimators_") or hasattr(value, "_predictors") or hasattr(value, "tree_"):
        _check_estimator(value)


def _check_sparse(matrix: Any) -> None:
    if matrix.format == "coo":
        inside = all(((c >= 0) & (c < n)).all() for c, n in zip(matrix.coords, matrix.shape, strict=True))
        _check(inside and all(len(c) == len(matrix.data) for c in matrix.coords), "a sparse matrix is damaged")
        return
    _check(matrix.format in ("csr", "csc", "bsr"), f"a sparse matrix of format {matrix.format} cannot be checked")
    try:
        matrix.check_format(full_check=True)
    except (ValueError, TypeError, IndexError) as error:
        raise DamagedModelError(f"a sparse matrix is damaged ({error})") from error


def _check_position(state: Any) -> None:
    inner = state.get("state", {}) if isinstance(state, dict) else {}
    position = inner.get("pos", 0) if isinstance(inner, dict) else 0
    _check(0 <= int(position) <= 624, "a random generator stands outside its state")


def _check_predictor(predictor: Any) -> None:
    nodes = predictor.nodes
    _check(isinstance(nodes, np.ndarray) and nodes.ndim == 1 and len(nodes) > 0, "a predictor has no nodes")
    _check(
        {"left", "right", "is_leaf", "feature_idx"} <= set(nodes.dtype.names or ()), "a predictor's nodes lack fields"
    )
    inner = nodes["is_leaf"] == 0
    check_nodes(nodes["left"], nodes["right"], inner)
    categorical = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    for bitsets in (predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets):
        fits = isinstance(bitsets, np.ndarray) and bitsets.ndim == 2 and bitsets.shape[1] == 8
        _check(fits and (categorical < len(bitsets)).all(), "a predictor's categories are not there")


def _check_estimator(estimator: Any) -> None:
    """Check that no tree tests a feature beyond the columns that its estimator lets in."""
    n_features = getattr(estimator, "n_features_in_", None)
    _check(n_features is None or isinstance(n_features, int | np.integer), "an estimator's number of features is wrong")
    subsets = getattr(estimator, "estimators_features_", None)
    members = _members(getattr(estimator, "estimators_", None))
    tree = getattr(estimator, "tree_", None)
    if tree is not None and hasattr(tree, "n_features"):
        _check(n_features is not None and tree.n_features == n_features, "a tree does not fit its estimator")
    for position, member in enumerate(members):
        inner = getattr(member, "tree_", None)
        if inner is None or not hasattr(inner, "n_features"):
            continue
        given = n_features if subsets is None else len(subsets[position])
        _check(n_features is not None and inner.n_features == given, "a tree does not fit its ensemble")
    for stage in _members(getattr(estimator, "_predictors", None)):
        features = stage.nodes["feature_idx"][stage.nodes["is_leaf"] == 0]
        _check(n_features is not None and (features < n_features).all(), "a predictor does not fit its ensemble")


def _members(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return list(value.ravel().tolist())
    if not isinstance(value, list | tuple):
        return []
    return [item for each in value for item in (each if isinstance(each, list | tuple) else [each])]


def _check(holds: Any, problem: str) -> None:
    if not holds:
        raise DamagedModelError(problem)
