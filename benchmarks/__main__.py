"""Run one suite of benchmarks: python -m benchmarks SUITE.

The exit code is 1 where a row's results differ from those that they must equal, and 2 for an unknown suite.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.rows import show


def main(arguments: list[str]) -> int:
    """Run the suite that is named, print its table and return the exit code."""
    support = {"rows", "limits", "opencv4", "opencv4_worker"}
    modules = {path.stem for path in Path(__file__).parent.glob("[a-z]*.py")}
    suites = sorted(modules - support)
    if len(arguments) != 1 or arguments[0] not in suites:
        print(f"usage: python -m benchmarks {{{','.join(suites)}}}", file=sys.stderr)
        return 2
    rows = importlib.import_module(f"benchmarks.{arguments[0]}").rows()
    return show(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
