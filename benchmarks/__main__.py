"""Run one suite of benchmarks: python -m benchmarks SUITE, and what the suite itself takes.

The exit code is 1 where a row's results differ from those that they must equal, and 2 for an unknown suite.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

from benchmarks.rows import show


def main(arguments: list[str]) -> int:
    """Run the suite that is named, print its table and return the exit code."""
    support = {"rows", "limits", "opencv4", "opencv4_worker", "gpu", "gpu_parts", "gpu_words", "gpu_patches"}
    modules = {path.stem for path in Path(__file__).parent.glob("[a-z]*.py")}
    suites = sorted(modules - support)
    if not arguments or arguments[0] not in suites:
        print(f"usage: python -m benchmarks {{{','.join(suites)}}}", file=sys.stderr)
        return 2
    suite, *own = arguments
    rows = importlib.import_module(f"benchmarks.{suite}").rows
    try:
        inspect.signature(rows).bind(*own)
    except TypeError as error:
        print(f"python -m benchmarks {suite}: {error}", file=sys.stderr)
        return 2
    return show(rows(*own))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
