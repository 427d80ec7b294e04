"""Pipelines from text, for tests of what is pure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from siglum.pipeline.definition.schema import PipelineFile, check_pipeline
from siglum.pipeline.definition.stages import Stage, build_stage
from siglum.pipeline.definition.templates import Resolver, place_of
from siglum.workspace.document import Document
from siglum.workspace.documents import load_yaml


def document(text: str, path: str = "dvc.yaml") -> Document:
    text = textwrap.dedent(text)
    return Document(path, text, load_yaml(text, path))


def parsed(text: str) -> PipelineFile:
    return check_pipeline(document(text))


def stages_of(
    text: str, files: Mapping[str, Mapping[str, Any]] | None = None, file: str = "dvc.yaml"
) -> dict[str, Stage]:
    checked = check_pipeline(document(text, file))
    known = {path: dict(values) for path, values in (files or {}).items()}
    folder = file.rpartition("/")[0]
    built = [
        build_stage(checked.document, file, place_of(checked.document, stage.name), stage)
        for stage in Resolver(checked, folder, known.get).stages()
    ]
    return {stage.address: stage for stage in built}
