"""Fitted pipelines in a folder, from pixels to labels: exported from a run, loaded anywhere, nothing executed."""

from __future__ import annotations

from featbench.model.exporting import Exported, export
from featbench.model.labelling import Labelled, label_files
from featbench.model.loading import load
from featbench.model.pipeline import Pipeline

__all__ = ["Exported", "Labelled", "Pipeline", "export", "label_files", "load"]
