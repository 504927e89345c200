"""Records of runs beyond the folder that made them: several folders into one, and into other systems' formats."""

from __future__ import annotations

from featbench.records.merging import Merged, merge
from featbench.records.tables import export

__all__ = ["Merged", "export", "merge"]
