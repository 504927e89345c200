"""What the sections "Where it fails" and "What it sees" of a report are made of, kept beside a cell.

::

    Witness         looks at a row's pipeline where that is, after its last clock; it knows no test label
    keep_thumbnails small copies of the images that a split's rows tell of; knows what rows got wrong

Arrays are stored with a cell under names that begin with ``evidence.``; `featbench.store.Store.read_evidence`
reads them. Nothing here may fail a row: what cannot be made is a warning of it.
"""

from __future__ import annotations

from featbench.evidence.kept import keep_thumbnails
from featbench.evidence.witness import NO_EVIDENCE, NOTHING, Evidence, Pipeline, Wanted, Witness

__all__ = ["NOTHING", "NO_EVIDENCE", "Evidence", "Pipeline", "Wanted", "Witness", "keep_thumbnails"]
