"""Hostile model files, each with a canary that a single executed payload would create."""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier

from siglum.core.errors import FileFormatError, IntegrityError, SiglumError, UntrustedError
from siglum.models import pickles, skops_files
from siglum.models.flavors.sklearn import load_model, save_model
from siglum.models.mlmodel import read_model, write_model
from siglum.models.pyfunc import load_pyfunc
from siglum.models.trust import is_recorded, record_trusted, state_file

CANARY = "canary"
OPTIMIZERS = "sklearn.neural_network._stochastic_optimizers"


def touch(path: str) -> str:
    return f"touch {path}"


def unicode(text: str) -> bytes:
    data = text.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


class Reduces:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.reduced


def hostile_pickles(canary: str) -> dict[str, bytes]:
    """Return pickles of which every one would run `touch canary`, or lead there."""
    command = touch(canary)
    end = unicode(command) + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP
    start = pickle.PROTO + b"\x04"
    memoized = unicode("os") + pickle.MEMOIZE + unicode("system") + pickle.MEMOIZE + pickle.POP + pickle.POP
    code = f"__import__('os').system({command!r})"
    good = cloudpickle.dumps(np.arange(3), 4)
    return {
        "os.system": pickle.dumps(Reduces(os.system, command)),
        "protocol 0": pickle.dumps(Reduces(os.system, command), 0),
        "eval": pickle.dumps(Reduces(eval, code)),
        "exec": pickle.dumps(Reduces(exec, code)),
        "cloudpickle lambda": cloudpickle.dumps(Reduces(eval, code)),
        "stack global from the memo": start + memoized + pickle.BINGET + b"\0" + pickle.BINGET + b"\1" + b"\x93" + end,
        "stack global after a dup": start + unicode("os") + pickle.DUP + pickle.POP + unicode("system") + b"\x93" + end,
        "dotted name": start + unicode("sklearn.base") + unicode("warnings.sys.modules") + b"\x93" + pickle.STOP,
        "module of an allowed package": start + unicode("sklearn.base") + unicode("os") + b"\x93" + end,
        "attribute of numpy": start + unicode("numpy.testing._private.utils") + unicode("runstring") + b"\x93" + end,
        "inst": b"(S'" + command.encode() + b"'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'" + command.encode() + b"'\no.",
        "extension": pickle.PROTO + b"\x02" + pickle.EXT1 + b"\x01" + end,
        "persistent id": b"Pabc\n.",
        "getattr": pickle.dumps(Reduces(getattr, Reduces(__import__, "os"), "system")),
        "partial": start + unicode("functools") + unicode("partial") + b"\x93" + end,
        "an allowed class as a function": start + unicode("builtins") + unicode("list") + b"\x93" + end,
        "a call of an estimator class": start + unicode("sklearn.svm._classes") + unicode("SVC") + b"\x93" + end,
        "state of a class": start + unicode("sklearn.svm._classes") + unicode("SVC") + b"\x93" + b"N}\x94\x86b.",
        "payload after a good start": good[:-1] + b"0" + pickle.dumps(Reduces(os.system, command), 2)[2:],
        "a function as transformer": cloudpickle.dumps(lambda x: os.system(command)),
    }  # fmt: skip


NAMES = sorted(hostile_pickles("x"))


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / CANARY


def test_the_canary_works(canary: Path) -> None:
    pickle.loads(hostile_pickles(str(canary))["os.system"])
    assert canary.exists()


@pytest.mark.parametrize("name", NAMES)
def test_no_hostile_pickle_runs(name: str, canary: Path) -> None:
    with pytest.raises(SiglumError) as caught:
        pickles.load_checked(hostile_pickles(str(canary))[name], "evil.pkl")
    assert not canary.exists()
    assert "evil.pkl" in str(caught.value)
    assert isinstance(caught.value, UntrustedError | FileFormatError)


@pytest.mark.parametrize("name", NAMES)
def test_the_second_gate_holds_alone(name: str, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "scan", lambda data, where: ())
    with pytest.raises(SiglumError):
        pickles.load_checked(hostile_pickles(str(canary))[name], "evil.pkl")
    assert not canary.exists()


def test_the_error_names_what_was_asked_for_and_how_to_agree(canary: Path) -> None:
    with pytest.raises(UntrustedError, match=r"posix\.system.*trust=True.*SIGLUM_TRUST_MODELS=1"):
        pickles.load_checked(hostile_pickles(str(canary))["os.system"], "evil.pkl")


@pytest.mark.parametrize("keep", [0, 1, 10, 500, -1])
def test_a_truncated_file_is_named(keep: int, forest: RandomForestClassifier) -> None:
    with pytest.raises(FileFormatError, match=r"m\.pkl"):
        pickles.load_checked(pickle.dumps(forest, 4)[:keep], "m.pkl")
    with pytest.raises(FileFormatError, match=r"m\.skops"):
        skops_files.load_checked(skops.io.dumps(forest)[:keep], "m.skops")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # scikit-learn warns of the versions that the damage makes up
def test_every_flipped_byte_of_a_pickle_loads_or_is_refused(forest: RandomForestClassifier) -> None:
    data = pickle.dumps(forest.estimators_[0], 4)
    for position in range(0, len(data), 7):
        damaged = data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :]
        try:
            pickles.load_checked(damaged, "m.pkl")
        except SiglumError:
            continue


def set_up_folder(folder: Path, forest: Any, data: bytes, chosen: str, **changes: Any) -> None:
    save_model(forest, folder, serialization_format=chosen)
    name = "model.skops" if chosen == "skops" else "model.pkl"
    (folder / name).write_bytes(data)
    if changes:
        model = read_model(str(folder))
        model.flavors["sklearn"].update(changes)
        write_model(str(folder), model)


def test_a_pickle_named_skops_is_refused(forest: Any, tmp_path: Path, canary: Path) -> None:
    set_up_folder(tmp_path / "m", forest, hostile_pickles(str(canary))["os.system"], "skops")
    with pytest.raises(FileFormatError):
        load_model(tmp_path / "m")
    assert not canary.exists()


def rewrite(data: bytes, change: Callable[[Any, dict[str, bytes]], None]) -> bytes:
    """Return a skops file whose schema and members `change` has changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    change(schema, members)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("schema.json", json.dumps(schema))
    return target.getvalue()


def node(loader: str, module: str, name: str, **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader} | more


def text_node(text: str) -> dict[str, Any]:
    return node("JsonNode", "builtins", "str", content=json.dumps(text), is_json=True)


def hostile_nodes(canary: str) -> dict[str, dict[str, Any]]:
    arguments = node("TupleNode", "builtins", "tuple", content=[text_node(touch(canary))])
    empty = node("DictNode", "builtins", "dict", content={}, key_types=node("ListNode", "builtins", "list", content=[]))
    function = node("FunctionNode", "os", "system")
    partial = {"func": function, "args": arguments, "kwds": empty, "namespace": empty}
    return {
        "constructor": node("ConstructorFromReduceNode", "os", "system", content=arguments),
        "function": function,
        "partial": node("PartialNode", "functools", "partial", content=partial),
        "operator": node("OperatorFuncNode", "operator", "call", attrs=arguments),
        "method": node("MethodNode", "builtins", "str", content={"func": "format", "obj": text_node("x")}),
        "object": node("ObjectNode", "subprocess", "Popen", content=empty),
        "dict class": node("DictNode", "os", "_Environ", content={}, key_types=empty),
        "tree as a constructor": node("ConstructorFromReduceNode", "sklearn.tree._tree", "Tree", content=arguments),
        "tree as a function": node("FunctionNode", "sklearn.tree._tree", "Tree"),
        "loss": node("LossNode", "os", "system", content=empty, __reduce__={"args": arguments}),
        "unknown loader": node("EvilNode", "os", "system", content=arguments),
        "optimizer as a constructor": node("ConstructorFromReduceNode", OPTIMIZERS, "AdamOptimizer", content=arguments),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(hostile_nodes("x")))
@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_no_hostile_skops_file_runs(name: str, protocol: int, forest: Any, tmp_path: Path, canary: Path) -> None:
    def change(schema: Any, members: dict[str, bytes]) -> None:
        schema["content"]["content"]["verbose"] = hostile_nodes(str(canary))[name]
        schema["protocol"] = protocol

    data = rewrite(skops.io.dumps(forest), change)
    listed = ["os.system", "posix.system", "functools.partial", "operator.call", "subprocess.Popen", "os._Environ"]
    set_up_folder(tmp_path / "m", forest, data, "skops", skops_trusted_types=listed)
    with pytest.raises((UntrustedError, FileFormatError)):
        load_model(tmp_path / "m")
    assert not canary.exists()


def test_a_pickle_inside_a_skops_file_is_not_unpickled(forest: Any, canary: Path) -> None:
    def change(schema: Any, members: dict[str, bytes]) -> None:
        name = next(n for n in members if n.endswith(".npy"))
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        members[name] = header.getvalue() + hostile_pickles(str(canary))["os.system"]

    with pytest.raises(FileFormatError):
        skops_files.load_checked(rewrite(skops.io.dumps(forest), change), "m.skops")
    assert not canary.exists()


def change_nodes(**fields: Any) -> Callable[[Any, dict[str, bytes]], None]:
    """Return a change that sets fields of the first node of every decision tree."""

    def change(schema: Any, members: dict[str, bytes]) -> None:
        for name, content in members.items():
            array = np.load(io.BytesIO(content))
            if array.dtype.names and "left_child" in array.dtype.names:
                for field, value in fields.items():
                    array[field][0] = value
                buffer = io.BytesIO()
                np.save(buffer, array)
                members[name] = buffer.getvalue()

    return change


@pytest.mark.parametrize("fields", [{"left_child": 10**9}, {"right_child": -5}, {"feature": 4}, {"left_child": 0}])
def test_a_tree_that_points_outside_itself_is_refused(fields: dict[str, int], forest: Any, tmp_path: Path) -> None:
    damaged = rewrite(skops.io.dumps(forest), change_nodes(**fields))
    with pytest.raises(IntegrityError, match=r"m\.skops is damaged or was tampered with: a node of a tree"):
        skops_files.load_checked(damaged, "m.skops")
    # the same forest as a pickle: skops loads what it is told to trust, and so it can be pickled
    bad = skops.io.loads(damaged, trusted=["sklearn.tree._tree.Tree"])
    with pytest.raises(IntegrityError, match=r"m\.pkl is damaged"):
        pickles.load_checked(pickle.dumps(bad, 4), "m.pkl")


def test_a_tree_larger_than_its_nodes_is_refused(forest: Any) -> None:
    def change(schema: Any, members: dict[str, bytes]) -> None:
        for each in skops_files._nodes(schema):
            if each["__loader__"] == "TreeNode":
                each["content"]["content"]["node_count"]["content"] = "100000"

    with pytest.raises(IntegrityError, match="node count"):
        skops_files.load_checked(rewrite(skops.io.dumps(forest), change), "m.skops")


def test_a_tree_with_more_features_than_its_forest_lets_in_is_refused(forest: Any) -> None:
    def change(schema: Any, members: dict[str, bytes]) -> None:
        # without an id of its own, so that it is no other object's 4
        schema["content"]["content"]["n_features_in_"] = {"__id__": 0} | text_node("") | {"content": "1"}

    with pytest.raises(IntegrityError, match="does not fit its ensemble"):
        skops_files.load_checked(rewrite(skops.io.dumps(forest), change), "m.skops")


def test_an_object_cannot_stand_for_another(forest: Any) -> None:
    def change(schema: Any, members: dict[str, bytes]) -> None:
        for each in skops_files._nodes(schema):
            if each["__loader__"] == "NdArrayNode":
                each["__id__"] = 1

    with pytest.raises(IntegrityError, match="same id"):
        skops_files.load_checked(rewrite(skops.io.dumps(forest), change), "m.skops")


def test_a_dtype_that_lies_about_python_objects_is_refused() -> None:
    # the state says that the fields are plain memory, while one of them is a pointer to an object
    good = pickle.dumps(np.zeros(1, dtype=[("a", "i8"), ("b", "i8")]), 4)
    assert pickles.load_checked(good, "m.pkl").dtype.names == ("a", "b")
    objects = pickle.dumps(np.zeros(1, dtype=[("a", "O"), ("b", "i8")]), 4)
    with pytest.raises(IntegrityError, match="dtype"):
        pickles.load_checked(objects, "m.pkl")


def test_a_zip_bomb_is_refused_before_it_unpacks() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * (300 << 20))
    with pytest.raises(FileFormatError, match="unpacks"):
        skops_files.load_checked(target.getvalue(), "m.skops")


def test_a_model_of_a_stranger_needs_consent_and_one_of_mine_does_not(
    tmp_path: Path, as_stranger: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.preprocessing import FunctionTransformer

    model = FunctionTransformer(lambda x: [[2]]).fit([[1]])
    save_model(model, tmp_path / "m", serialization_format="cloudpickle")
    assert load_model(tmp_path / "m").transform([[1]]) == [[2]]
    as_stranger()
    with pytest.raises(UntrustedError, match="_make_function"):
        load_model(tmp_path / "m")
    assert load_model(tmp_path / "m", trust=True) is not None
    monkeypatch.setenv("SIGLUM_TRUST_MODELS", "1")
    assert load_model(tmp_path / "m") is not None


def test_a_model_of_mine_that_was_changed_is_a_strangers(forest: Any, tmp_path: Path, canary: Path) -> None:
    save_model(forest, tmp_path / "m", serialization_format="pickle")
    (tmp_path / "m" / "model.pkl").write_bytes(hostile_pickles(str(canary))["os.system"])
    with pytest.raises(UntrustedError):
        load_model(tmp_path / "m")
    assert not canary.exists()


def test_the_record_is_private_or_no_record(tmp_path: Path) -> None:
    path = state_file({"XDG_STATE_HOME": str(tmp_path)})
    assert not is_recorded("sha256:1", path)
    record_trusted("sha256:1", path)
    record_trusted("sha256:2", path)
    record_trusted("sha256:1", path)
    assert Path(path).read_text() == "sha256:1\nsha256:2\n"
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert is_recorded("sha256:2", path)
    assert not is_recorded("sha256:", path)
    Path(path).chmod(0o666)
    assert not is_recorded("sha256:2", path)


@pytest.mark.parametrize("path", ["../outside.pkl", "/etc/passwd", "model.pkl/../../outside.pkl"])
def test_mlmodel_cannot_name_a_file_outside(path: str, forest: Any, tmp_path: Path) -> None:
    save_model(forest, tmp_path / "m", serialization_format="pickle")
    (tmp_path / "outside.pkl").write_bytes(pickle.dumps(forest))
    model = read_model(str(tmp_path / "m"))
    model.flavors["sklearn"]["pickled_model"] = path
    write_model(str(tmp_path / "m"), model)
    with pytest.raises(FileFormatError, match="not the path of a file inside"):
        load_model(tmp_path / "m", trust=True)


def test_no_module_that_mlmodel_names_is_imported(forest: Any, tmp_path: Path, canary: Path) -> None:
    save_model(forest, tmp_path / "m")
    code = tmp_path / "m" / "code"
    code.mkdir()
    (code / "evil_loader.py").write_text(f"open({str(canary)!r}, 'w')\n")
    model = read_model(str(tmp_path / "m"))
    model.flavors["python_function"].update(loader_module="evil_loader", code="code")
    write_model(str(tmp_path / "m"), model)
    for trust in (False, True):
        with pytest.raises(SiglumError, match="evil_loader"):
            load_pyfunc(tmp_path / "m", trust=trust)
    assert not canary.exists()


def test_an_optimized_pickle_is_read_the_same(forest: Any) -> None:
    data = pickletools.optimize(pickle.dumps(forest, 4))
    assert pickles.scan(data, "m.pkl") == ()
    assert pickles.load_checked(data, "m.pkl").n_features_in_ == 4
