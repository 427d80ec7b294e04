from __future__ import annotations

from pathlib import Path

import pytest

from siglum.core.errors import FileFormatError, IntegrityError, NotFoundError
from siglum.models.content import file_digests, model_content_hash, verify_content_hash
from siglum.models.layout import path_inside
from siglum.models.mlmodel import Model, bind_to_run, parse_model, read_model, write_model
from siglum.models.signature import ColSpec, DataType, ModelSignature, Schema

# As MLflow 3.17.2 writes it, with a key that does not exist.
WRITTEN_BY_MLFLOW = """\
flavors:
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    model_path: model.skops
    predict_fn: predict
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.skops
    serialization_format: skops
    sklearn_version: 1.9.1
    skops_trusted_types: null
from_the_future: 1
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: null
model_size_bytes: 11544
model_uuid: 8f83d8a527da458e956d099b7dd2f485
prompts: null
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}]'
  outputs: null
  params: null
type_hint_from_example: false
utc_time_created: '2026-11-24 00:45:28.310500'
"""

# Nine lists of ten, each of the one before: a few hundred bytes that unfold to a thousand million values.
BOMB = "l0: &l0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"l{i}: &l{i} [{','.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "MLmodel").write_text(WRITTEN_BY_MLFLOW)
    (tmp_path / "model.skops").write_bytes(b"model")
    return tmp_path


def test_what_mlflow_wrote_is_written_back_byte_for_byte(folder: Path) -> None:
    model = read_model(str(folder))
    assert model.signature == ModelSignature(inputs=Schema((ColSpec(DataType.double, "a"),)))
    assert model.other == {"from_the_future": 1}
    write_model(str(folder), model)
    assert (folder / "MLmodel").read_text() == WRITTEN_BY_MLFLOW


def test_a_model_without_signature_comes_back(tmp_path: Path) -> None:
    model = Model(flavors={"x": {}}, metadata={"k": [1]})
    write_model(str(tmp_path), model)
    assert Model.load(str(tmp_path)) == model


def test_a_folder_without_mlmodel_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not a model"):
        read_model(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("flavors: {a: b", "MLmodel:2:1: did not find"),
        ("- a", "mapping"),
        ("flavors: 3", "flavors"),
        ("signature: {inputs: '[{]'}", "not valid JSON"),
        ('signature: {inputs: \'[{"type": "dubble"}]\'}', "'double'"),
        ("flavors: !!python/object/apply:os.system ['true']", "constructor"),
        (BOMB, "unfold"),
    ],
)
def test_a_damaged_mlmodel_is_named_with_its_problem(text: str, problem: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_model(text.encode(), "m/MLmodel")
    assert "m/MLmodel" in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a\\b", "c:x", "a\0b", None, 3])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: object) -> None:
    with pytest.raises(FileFormatError, match="MLmodel"):
        path_inside(str(tmp_path), path, "MLmodel")


def test_no_link_is_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("s")
    (folder / "link").symlink_to(secret)
    with pytest.raises(FileFormatError, match="link"):
        path_inside(str(folder), "link", "MLmodel")
    with pytest.raises(IntegrityError, match="link"):
        file_digests(str(folder))


def test_the_content_hash_ignores_what_is_bound_to_a_run(folder: Path) -> None:
    before = model_content_hash(str(folder))
    bound = bind_to_run(
        str(folder), run_id="r", model_id="m-1", artifact_path="mlflow-artifacts:/0/models/m-1/artifacts"
    )
    assert (bound.run_id, bound.model_uuid) == ("r", "m-1")
    assert read_model(str(folder)) == bound
    assert model_content_hash(str(folder)) == before


def test_the_content_hash_sees_everything_else(folder: Path) -> None:
    before = model_content_hash(str(folder))
    (folder / "MLmodel").write_text(WRITTEN_BY_MLFLOW.replace("predict_fn: predict", "predict_fn: predict_proba"))
    assert model_content_hash(str(folder)) != before


def test_a_changed_file_is_named(folder: Path) -> None:
    files = file_digests(str(folder))
    expected = model_content_hash(str(folder))
    verify_content_hash(str(folder), expected, files)
    (folder / "model.skops").write_bytes(b"modex")
    with pytest.raises(IntegrityError, match=r"model\.skops differs"):
        verify_content_hash(str(folder), expected, files)
    (folder / "model.skops").unlink()
    with pytest.raises(IntegrityError, match=r"model\.skops is missing"):
        verify_content_hash(str(folder), expected, files)
    with pytest.raises(IntegrityError, match="not known"):
        verify_content_hash(str(folder), expected)
