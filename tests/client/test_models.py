"""Models logged, registered and loaded by every kind of URI, on the embedded store."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

import siglum
import siglum.pyfunc
import siglum.sklearn
from siglum.client import model_download
from siglum.client.model_logging import ModelInfo
from siglum.core.errors import ConflictError, IntegrityError, InvalidInputError, NotFoundError, UntrustedError
from siglum.tracking.entities import LoggedModelStatus

sklearn_tree = pytest.importorskip("sklearn.tree")

ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.9, 0.3]])
LABELS = np.array([0, 1, 0, 1])


def fitted(depth: int = 2) -> object:
    return sklearn_tree.DecisionTreeClassifier(max_depth=depth, random_state=0).fit(ROWS, LABELS)


def log(name: str = "model", **arguments: object) -> ModelInfo:
    return siglum.sklearn.log_model(fitted(), name=name, **arguments)  # type: ignore[arg-type]


def test_what_is_on_record_of_a_logged_model(project: Path) -> None:
    with siglum.start_run() as run:
        siglum.log_param("depth", 2)
        siglum.log_metric("accuracy", 0.5, step=1)
        siglum.log_metric("accuracy", 0.75, step=2)
        info = log(registered_model_name="churn", params={"extra": 1}, tags={"t": "x"}, model_type="tree")
    client = siglum.MlflowClient()
    logged = client.get_logged_model(info.model_id)
    assert logged.status == LoggedModelStatus.READY
    assert (logged.name, logged.model_type, logged.source_run_id) == ("model", "tree", run.info.run_id)
    assert logged.params == {"depth": "2", "extra": "1"}
    assert [(point.key, point.value, point.step) for point in logged.metrics] == [("accuracy", 0.75, 2)]
    assert logged.tags["t"] == "x"
    assert logged.tags["siglum.content_hash"] == info.content_hash
    found = client.get_run(run.info.run_id)
    assert [output.model_id for output in found.outputs.model_outputs] == [info.model_id]
    assert found.data.tags["siglum.content_hash"] == info.content_hash
    version = client.get_model_version("churn", 1)
    assert info.registered_model_version == 1
    assert (version.source, version.run_id) == (info.model_uri, run.info.run_id)
    assert version.tags["siglum.content_hash"] == info.content_hash
    assert version.tags["siglum.recipe_digest"] == found.data.tags["siglum.recipe_digest"]
    assert json.loads(version.tags["siglum.recipe"])["params"] == {"depth": "2"}
    assert version.tags["siglum.run_id"] == run.info.run_id
    assert json.loads(logged.tags.get("mlflow.modelVersions", "[]")) == [{"name": "churn", "version": "1"}]


def test_the_same_model_has_the_same_content_hash_in_every_run(project: Path) -> None:
    hashes = set()
    for _ in range(2):
        with siglum.start_run():
            hashes.add(log().content_hash)
    assert len(hashes) == 1


def test_two_models_in_one_run(project: Path) -> None:
    with siglum.start_run() as run:
        first = log("one")
        second = siglum.sklearn.log_model(fitted(1), name="two")
    tags = siglum.get_run(run.info.run_id).data.tags
    assert tags["siglum.content_hash"] == second.content_hash
    assert json.loads(tags["siglum.content_hashes"]) == {"one": first.content_hash, "two": second.content_hash}


def test_every_uri_means_its_model(project: Path) -> None:
    client = siglum.MlflowClient()
    infos = []
    for depth in (1, 2):
        with siglum.start_run() as run:
            infos.append(siglum.sklearn.log_model(fitted(depth), artifact_path="model", registered_model_name="churn"))
    client.transition_model_version_stage("churn", 1, "Production")
    client.set_registered_model_alias("churn", "champion", 2)
    depths = {
        "models:/churn/1": 1,
        "models:/churn/2": 2,
        "models:/churn/latest": 2,
        "models:/churn/Production": 1,
        "models:/churn/production": 1,
        "models:/churn@champion": 2,
        infos[0].model_uri: 1,
        f"runs:/{run.info.run_id}/model": 2,
        infos[1].artifact_path: 2,
    }
    for uri, depth in depths.items():
        model = siglum.sklearn.load_model(uri)
        assert model.max_depth == depth, uri
        assert list(model.predict(ROWS)) == list(LABELS)


MISSING = {
    "models:/chrn/1": "Did you mean 'churn'",
    "models:/churn/7": "churn@1",
    "models:/churn@champio": "Did you mean 'champion'",
    "models:/churn/Stagin": "Did you mean 'Staging'",
    "models:/churn/Staging": "None",
    "models:/churn/champion": "models:/churn@champion",
    "models:/m-" + "0" * 32: "not found",
    "runs:/" + "0" * 32 + "/model": "not found",
    "no-such-folder": "models:/<name>",
}


def test_names_that_are_not_there_say_what_is(project: Path) -> None:
    with siglum.start_run():
        log(registered_model_name="churn")
    siglum.MlflowClient().set_registered_model_alias("churn", "champion", 1)
    for uri, words in MISSING.items():
        with pytest.raises(NotFoundError) as caught:
            siglum.sklearn.load_model(uri)
        assert words in str(caught.value)


def test_a_path_that_a_run_does_not_have(project: Path) -> None:
    with siglum.start_run() as run:
        log()
    with pytest.raises(NotFoundError, match="Did you mean 'model'"):
        siglum.sklearn.load_model(f"runs:/{run.info.run_id}/modell")
    for uri in ("model:/churn/1", "models:/a/b/c", "models:churn"):
        with pytest.raises(InvalidInputError):
            siglum.sklearn.load_model(uri)


def test_changed_files_are_refused(project: Path) -> None:
    with siglum.start_run():
        info = log(registered_model_name="churn")
    folder = siglum.MlflowClient()._session.stores.artifacts_for(info.artifact_path)
    target = project / ".siglum" / "artifacts" / info.artifact_path.partition(":/")[2] / "requirements.txt"
    assert target.exists()
    with folder.open("requirements.txt") as file:
        text = file.read()
    changed = project / "changed.txt"
    changed.write_bytes(text + b"evil-package==6.6.6\n")
    folder.put_file("requirements.txt", str(changed))  # as somebody with access to the store could
    for uri, label in (("models:/churn/1", "churn@1"), (info.model_uri, info.model_id)):
        with pytest.raises(IntegrityError, match=label):
            siglum.sklearn.load_model(uri)


def test_a_model_that_is_not_complete(project: Path) -> None:
    model = siglum.initialize_logged_model("later")
    with pytest.raises(ConflictError, match="not complete"):
        siglum.sklearn.load_model(model.model_uri)
    siglum.finalize_logged_model(model.model_id, "FAILED")
    with pytest.raises(ConflictError, match="upload failed"):
        siglum.sklearn.load_model(model.model_uri)


def test_files_for_a_model_that_was_created_before(project: Path) -> None:
    model = siglum.initialize_logged_model("later", params={"a": 1})
    with siglum.start_run():
        info = siglum.sklearn.log_model(fitted(), model_id=model.model_id)
    assert info.model_id == model.model_id
    assert siglum.sklearn.load_model(info.model_uri).max_depth == 2
    assert siglum.get_logged_model(model.model_id).params == {"a": "1"}


def test_a_model_that_cannot_be_saved_leaves_nothing(project: Path) -> None:
    with siglum.start_run() as run, pytest.raises(InvalidInputError):
        siglum.sklearn.log_model(object(), serialization_format="protobuf")
    assert siglum.search_logged_models(output_format="list") == []
    assert siglum.get_run(run.info.run_id).outputs.model_outputs == ()


def test_a_failed_upload_is_on_record(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with siglum.start_run():
        objects = project / ".siglum" / "artifacts"

        def fail(*_arguments: object) -> None:
            raise OSError(28, "No space left on device", str(objects))

        monkeypatch.setattr("siglum.client.model_logging.upload_folder", fail)
        with pytest.raises(OSError, match="No space left"):
            log()
    (model,) = siglum.search_logged_models(output_format="list")
    assert model.status == LoggedModelStatus.FAILED


def test_downloads_are_private_and_vanish(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = model_download.download_model

    def watch(*arguments: object) -> str:
        folder = real(*arguments)  # type: ignore[arg-type]
        seen.append(folder)
        assert stat.S_IMODE(os.stat(os.path.dirname(folder)).st_mode) == 0o700
        return folder

    monkeypatch.setattr("siglum.client.model_loading.download_model", watch)
    with siglum.start_run():
        info = log()
    siglum.sklearn.load_model(info.model_uri)
    assert len(seen) == 1
    assert not os.path.exists(os.path.dirname(seen[0]))


def test_a_folder_of_the_callers_own_is_kept(project: Path, tmp_path: Path) -> None:
    with siglum.start_run():
        info = log()
    siglum.sklearn.load_model(info.model_uri, dst_path=str(tmp_path / "kept"))
    assert (tmp_path / "kept" / "MLmodel").exists()
    assert siglum.sklearn.load_model(tmp_path / "kept").max_depth == 2


def test_saving_to_a_folder_and_loading(project: Path) -> None:
    siglum.sklearn.save_model(fitted(), "saved")
    assert siglum.sklearn.load_model("saved").max_depth == 2
    assert list(siglum.pyfunc.load_model("saved").predict(ROWS)) == list(LABELS)
    with pytest.raises(InvalidInputError, match="local folder"):
        siglum.register_model("saved", "churn")


def test_registering_what_was_logged(project: Path) -> None:
    with siglum.start_run() as run:
        info = log()
    one = siglum.register_model(f"runs:/{run.info.run_id}/model", "churn", tags={"why": "test"}, reason="first")
    two = siglum.register_model(info.model_uri, "churn")
    assert (one.version, two.version) == ("1", "2")
    assert one.source == two.source == info.model_uri
    assert one.tags["why"] == "test"
    assert one.tags["siglum.content_hash"] == info.content_hash
    third = siglum.MlflowClient().copy_model_version("models:/churn/1", "churn-prod")
    assert third.tags["siglum.content_hash"] == info.content_hash
    assert siglum.sklearn.load_model("models:/churn-prod/1").max_depth == 2
    with pytest.raises(NotFoundError):
        siglum.register_model("models:/nothing/1", "churn")


def test_a_python_model(project: Path) -> None:
    (project / "offset.txt").write_text("10")

    class AddOffset(siglum.pyfunc.PythonModel):
        def load_context(self, context: siglum.pyfunc.PythonModelContext) -> None:
            self.offset = int(Path(context.artifacts["offset"]).read_text())

        def predict(self, model_input: object) -> object:
            return np.asarray(model_input) + self.offset

    with siglum.start_run():
        info = siglum.pyfunc.log_model(
            name="adder", python_model=AddOffset(), artifacts={"offset": "offset.txt"}, registered_model_name="adder"
        )
    model = siglum.pyfunc.load_model("models:/adder/1")
    assert list(model.predict(np.array([1, 2]))) == [11, 12]
    assert model.model_id == info.model_id
    assert "cloudpickle" in Path(siglum.pyfunc.get_model_dependencies(info.model_uri)).read_text()


def test_a_foreign_pickle_needs_trust(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Opaque:
        def predict(self, model_input: object) -> object:
            return model_input

    with siglum.start_run():
        info = siglum.pyfunc.log_model(name="opaque", python_model=Opaque())
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-user"))
    monkeypatch.setenv("HOME", str(tmp_path / "another-user"))
    with pytest.raises(UntrustedError):
        siglum.pyfunc.load_model(info.model_uri)
    assert siglum.pyfunc.load_model(info.model_uri, trust=True).predict([1]) == [1]
