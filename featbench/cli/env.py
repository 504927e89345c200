"""``featbench env``: the machine and the versions, as results record them."""

from __future__ import annotations

from collections.abc import Mapping

from featbench.cli.console import notice, print_rows

__all__ = ["env"]


def env() -> int:
    """Show the machine, the versions and the threads, and whether OpenCV is installed twice."""
    from featbench.environment import describe, opencv_conflict

    rows = []
    for name, value in describe().items():
        if isinstance(value, Mapping):
            rows += [[f"{name}: {key}", str(item)] for key, item in value.items()]
        elif value is not None:
            rows.append([name, str(value)])
    print_rows(["what", "value"], rows)
    conflict = opencv_conflict()
    if conflict:
        notice(conflict)
    return 1 if conflict else 0
