"""Features of any number of image files, written to a file as they are made.

`extract_to` reads images in chunks, so that memory does not grow with their number; what it has written
survives any interruption, and the same call goes on from there.
"""

from __future__ import annotations

from featbench.extraction.choice import Choice, choose_extractor
from featbench.extraction.extracting import Extraction, Progress, extract_to

__all__ = ["Choice", "Extraction", "Progress", "choose_extractor", "extract_to"]
