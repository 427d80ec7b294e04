"""Files of runs, through `MlflowClient` and `mlflow.artifacts`. Results go to the recorder; nothing is checked here."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from tests.interop.mlflow_calls.recorder import Recorder


def artifacts(r: Recorder, client: MlflowClient, folder: Path) -> None:
    call = r.call
    e = client.create_experiment("artifacts")
    one = client.create_run(e).info.run_id
    up = folder / "up"
    (up / "sub" / "deep").mkdir(parents=True)
    (up / "a.txt").write_text("a")
    (up / "sub" / "ü b.bin").write_bytes(bytes(range(256)))
    (up / "sub" / "deep" / "empty").write_bytes(b"")
    call("log_artifact", client.log_artifact, one, str(up / "a.txt"))
    call("log_artifact in a folder", client.log_artifact, one, str(up / "a.txt"), "one/two")
    call("log_artifacts", client.log_artifacts, one, str(up), "tree")
    call("log_text", client.log_text, one, "words", "notes/words.txt")
    call("log_dict", client.log_dict, one, {"k": [1, 2]}, "dict.json")
    call("log_dict yaml", client.log_dict, one, {"k": [1, 2]}, "dict.yaml")
    call("log_stream", client.log_stream, one, (up / "a.txt").open("rb"), "stream.txt")
    call("log_table", client.log_table, one, {"x": [1, 2], "y": ["a", "b"]}, "table.json")
    call("log_table appends", client.log_table, one, {"x": [3], "y": ["c"]}, "table.json")
    call("load_table", lambda: client.load_table(e, "table.json", [one], ["run_id"]).to_dict("list"))
    call("load_table of nothing", client.load_table, e, "none.json")
    call("log_image", client.log_image, one, image(), "pictures/image.png")
    call("log_image with key", client.log_image, one, image(), key="dog", step=3, timestamp=1_700_000_000_000)
    call("list_artifacts", client.list_artifacts, one)
    call("list_artifacts folder", client.list_artifacts, one, "tree/sub")
    call("list_artifacts file", client.list_artifacts, one, "a.txt")
    call("list_artifacts nothing", client.list_artifacts, one, "nothing")
    call("list_artifacts above", client.list_artifacts, one, "../..")
    call("list_artifacts unknown run", client.list_artifacts, "0" * 32)
    (folder / "down").mkdir()
    call("download_artifacts", client.download_artifacts, one, "tree", str(folder / "down"))
    down = [path for path in sorted(folder.glob("down/**/*")) if path.is_file()]
    r.keep("what was downloaded", {str(path.relative_to(folder)): path.stat().st_size for path in down})
    call("download_artifacts nothing", client.download_artifacts, one, "nothing", str(folder / "down"))
    call("load_text", mlflow.artifacts.load_text, f"runs:/{one}/notes/words.txt")
    call("load_dict", mlflow.artifacts.load_dict, f"runs:/{one}/dict.json")
    call("load_image", lambda: mlflow.artifacts.load_image(f"runs:/{one}/pictures/image.png").size)
    call("artifacts.list_artifacts", mlflow.artifacts.list_artifacts, f"runs:/{one}/one")
    call("artifacts.download_artifacts", mlflow.artifacts.download_artifacts,
         run_id=one, artifact_path="a.txt", dst_path=str(folder / "down"))  # fmt: skip
    call(
        "tags of artifacts",
        lambda: {k: v for k, v in client.get_run(one).data.tags.items() if k.startswith("mlflow.l")},
    )


def image() -> Any:
    """Return a small picture."""
    return np.zeros((4, 6, 3), dtype=np.uint8)
