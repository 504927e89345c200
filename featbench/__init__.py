"""Classical image features before interchangeable classifiers, with accuracy and cost that can be trusted."""

from __future__ import annotations

import time
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "run"]

_BEGAN = time.time()  # code that changes from now on is not the code that runs


def __getattr__(name: str) -> Any:
    # Loaded when first used, so that importing an extractor into another project stays light.
    if name == "run":
        from featbench.runner import run

        return run
    raise AttributeError(f"module 'featbench' has no attribute {name!r}")
