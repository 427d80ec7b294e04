"""How data that a run read stands on the run's record: as an input of MLflow's kind, which any client shows."""

from __future__ import annotations

import json

from siglum.core.limits import DATASET_DIGEST, DATASET_NAME
from siglum.lineage.inputs import DataInput
from siglum.tracking.entities import Dataset, DatasetInput, Tag

CONTEXT_TAG = "mlflow.data.context"
_DIGEST_CHARACTERS = 32


def dataset_input(item: DataInput) -> DatasetInput:
    """Return an input as runs have them on record: the digest is the content's address, the source says where it is."""
    algorithm, _, digest = item.hash.partition(":")
    source = {
        "path": item.path, "hash": item.hash, "pointer": item.pointer, "rev": item.rev, "repo": item.repo,
        "via": item.via, "run_id": item.run_id,
    }  # fmt: skip
    dataset = Dataset(
        name=item.place[-DATASET_NAME:],
        digest=digest if len(digest) <= DATASET_DIGEST else digest[:_DIGEST_CHARACTERS],
        source_type="dvc" if item.pointer or item.repo else "local",
        source=json.dumps({key: value for key, value in source.items() if value is not None}, sort_keys=True),
        profile=json.dumps({"hash_algorithm": algorithm}),
    )
    return DatasetInput(dataset=dataset, tags=(Tag(CONTEXT_TAG, item.context),) if item.context else ())
