"""The scikit-learn flavor: estimators saved to a folder in MLflow's layout and loaded from one.

skops is the default format. Whatever the user fits here can be saved, decision trees too (which MLflow 3.17.2
refuses); the types that skops does not trust by itself are written to `MLmodel`, where MLflow looks for them.

The same fitted estimator gives the same bytes in every process with skops. With cloudpickle and pickle that holds as
far as pickling itself is deterministic: record arrays are cleaned of stray bytes, but the order of sets of strings
follows PYTHONHASHSEED, and which equal strings are one object can differ between programs.
"""

from __future__ import annotations

import io
import os
import pickle
import platform
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import cloudpickle
import sklearn
import skops.io
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.tree._tree import Tree

from siglum.core.clock import Clock, now_ms
from siglum.core.errors import FileFormatError, InvalidInputError, SiglumError
from siglum.core.text import did_you_mean
from siglum.models import pickles, skops_files
from siglum.models.layout import MLMODEL, MODEL_PICKLE, MODEL_SKOPS
from siglum.models.mlmodel import Model, read_model
from siglum.models.requirements import Requirements, combine, infer_requirements, write_environment
from siglum.models.saving import SignatureArgument, add_code_to_path, copy_code, describe, finish, new_folder
from siglum.models.trust import Decision, VersionMismatchWarning, decide, read_model_file

FLAVOR = "sklearn"
LOADER_MODULE = "mlflow.sklearn"
SKOPS, CLOUDPICKLE, PICKLE = FORMATS = ("skops", "cloudpickle", "pickle")


def save_model(
    sk_model: Any,
    path: str | os.PathLike[str],
    conda_env: Mapping[str, Any] | str | None = None,
    code_paths: Sequence[str] | None = None,
    serialization_format: str | None = None,
    signature: SignatureArgument = None,
    input_example: Any = None,
    pip_requirements: Requirements = None,
    extra_pip_requirements: Requirements = None,
    pyfunc_predict_fn: str = "predict",
    metadata: Mapping[str, Any] | None = None,
    skops_trusted_types: Sequence[str] | None = None,
    *,
    clock: Clock = now_ms,
) -> Model:
    """Save an estimator to a new folder, whole or not at all, and note that this user made it.

    `serialization_format` is `skops` (the default), `cloudpickle` or `pickle`. `skops_trusted_types` adds to the
    types that are written to `MLmodel` for MLflow; Siglum never obeys them. The model is loaded once before it counts
    as saved.

    Raises:
        InvalidInputError: An unknown format, or an estimator that the format cannot hold.
        AlreadyExistsError: The folder exists and is not empty.
    """
    chosen = serialization_format or SKOPS
    if chosen not in FORMATS:
        hint = did_you_mean(chosen, FORMATS) or f"Use one of {', '.join(FORMATS)}."
        raise InvalidInputError(f"{chosen!r} is not a serialization format.", hint=hint)
    if skops_trusted_types is not None and chosen != SKOPS:
        raise InvalidInputError(f"skops_trusted_types says nothing about the format {chosen}.")
    data = _dump(sk_model, chosen)
    with new_folder(os.fspath(path)) as folder:
        code = copy_code(folder, code_paths)
        name = MODEL_SKOPS if chosen == SKOPS else MODEL_PICKLE
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
        extra = sorted({*(skops_trusted_types or ()), *(skops_files.unknown_types(data) if chosen == SKOPS else ())})
        flavors: dict[str, dict[str, Any]] = {
            FLAVOR: {
                "code": code,
                "pickled_model": name,
                "serialization_format": chosen,
                "sklearn_version": sklearn.__version__,
                "skops_trusted_types": extra or None,
            }
        }
        inferred = _requirements(data, chosen, sk_model, input_example) if pip_requirements is None else []
        lines = combine(inferred, pip_requirements, extra_pip_requirements)
        environment = write_environment(folder, lines, conda_env)
        if hasattr(sk_model, pyfunc_predict_fn):
            flavors["python_function"] = _pyfunc_flavor(name, environment, code, pyfunc_predict_fn)
        model = describe(
            folder,
            flavors=flavors,
            signature=signature,
            input_example=input_example,
            predict=lambda example: getattr(sk_model, pyfunc_predict_fn)(example),
            metadata=metadata,
            clock=clock,
        )
        finish(folder)
    return model


def load_model(path: str | os.PathLike[str], *, trust: bool = False) -> Any:
    """Load an estimator from a model's folder.

    `trust=True` agrees to run whatever code the model's files hold; see `siglum.models.trust` for what loads without.

    Raises:
        UntrustedError: It would run code that nobody agreed to; names what.
        NotFoundError: The folder is no model, or lacks a file.
        FileFormatError, IntegrityError: A file is damaged; names it.
    """
    folder = os.fspath(path)
    model = read_model(folder)
    where = os.path.join(folder, MLMODEL)
    flavor = model.flavor(FLAVOR)
    if flavor is None:
        raise InvalidInputError(
            f"{folder} holds no scikit-learn model.", hint=f"Its flavors are {', '.join(model.flavors) or 'none'}."
        )
    declared = flavor.get("serialization_format", PICKLE)
    if declared not in FORMATS:
        raise FileFormatError(where, f"{declared!r} is not a serialization format of scikit-learn models.")
    decision = decide(folder, trust=trust)
    data = read_model_file(folder, flavor.get("pickled_model"), decision)
    file = os.path.join(folder, str(flavor["pickled_model"]))
    if (declared == SKOPS) != data.startswith(b"PK"):
        raise FileFormatError(file, f"it is not in the format {declared} that {MLMODEL} names.")
    _warn_of_other_version(flavor.get("sklearn_version"))
    if decision.trusted:
        add_code_to_path(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)  # said once above, not once per estimator
        return _load(data, str(declared), file, decision)


def _load(data: bytes, declared: str, file: str, decision: Decision) -> Any:
    if not decision.trusted:
        return skops_files.load_checked(data, file) if declared == SKOPS else pickles.load_checked(data, file)
    if declared == SKOPS:
        return skops_files.load_trusted(data, file)
    try:
        return pickle.loads(data)  # noqa: S301 -- the user agreed to this file
    except Exception as error:
        raise FileFormatError(file, f"it cannot be unpickled: {type(error).__name__}: {error}") from error


def _dump(sk_model: Any, chosen: str) -> bytes:
    """Return the bytes of the model, having loaded them once: a file that cannot be loaded is not a saved model."""
    try:
        if chosen == SKOPS:
            data = skops_files.canonical(skops.io.dumps(sk_model))
            skops_files.load_trusted(data, MODEL_SKOPS)
        else:
            buffer = io.BytesIO()
            pickler = _CleanCloudPickler if chosen == CLOUDPICKLE else _CleanPickler
            pickler(buffer, pickle.DEFAULT_PROTOCOL).dump(sk_model)
            data = buffer.getvalue()
            pickle.loads(data)  # noqa: S301 -- made three lines above
    except Exception as error:
        problem = error.problem if isinstance(error, FileFormatError) else f"{error}"
        hint = "Save it with serialization_format='cloudpickle'." if chosen != CLOUDPICKLE else None
        if isinstance(error, SiglumError) and not isinstance(error, FileFormatError):
            raise
        raise InvalidInputError(
            f"A {type(sk_model).__qualname__} cannot be saved as {chosen}: {problem}", hint=hint
        ) from error
    return data


def _clean_tree(value: Any) -> Any:
    """Reduce a decision tree to what it would be anyway, with the unused bytes of its nodes zero."""
    if type(value) is not Tree:
        return NotImplemented
    constructor, arguments, state = value.__reduce__()
    return constructor, arguments, {**state, "nodes": skops_files.without_padding(state["nodes"])}


class _CleanPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        return _clean_tree(value)


class _CleanCloudPickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, value: Any) -> Any:
        reduced = _clean_tree(value)
        return super().reducer_override(value) if reduced is NotImplemented else reduced


def _requirements(data: bytes, chosen: str, sk_model: Any, input_example: Any) -> list[str]:
    modules = skops_files.modules_named(data) if chosen == SKOPS else pickles.modules_named(data, MODEL_PICKLE)
    always = ["scikit-learn", "numpy", "scipy", *([chosen] if chosen != PICKLE else [])]
    if type(input_example).__module__.startswith("pandas") or hasattr(sk_model, "feature_names_in_"):
        always.append("pandas")
    return infer_requirements(modules, always)


def _pyfunc_flavor(name: str, environment: Mapping[str, str], code: str | None, predict_fn: str) -> dict[str, Any]:
    flavor: dict[str, Any] = {
        "env": dict(environment),
        "loader_module": LOADER_MODULE,
        "model_path": name,
        "predict_fn": predict_fn,
        "python_version": platform.python_version(),
    }
    return flavor if code is None else flavor | {"code": code}


def _warn_of_other_version(saved_with: object) -> None:
    if saved_with is not None and saved_with != sklearn.__version__:
        warnings.warn(
            f"The model was saved with scikit-learn {saved_with}, and {sklearn.__version__} is installed: "
            "it may predict differently or fail.",
            VersionMismatchWarning,
            stacklevel=3,
        )
