"""``featbench env``: the machine and the versions, as results record them, and what measuring itself takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from featbench.cli.console import notice, print_rows

__all__ = ["env"]


def env(
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure anew what the machine can do, in half a second.")
    ] = False,
) -> int:
    """Show the machine, its peaks, the versions and the threads, and whether OpenCV is installed twice."""
    from featbench.environment import describe, opencv_conflict
    from featbench.machine import peaks, pinned_threads
    from featbench.timing import overhead

    rows = []
    with pinned_threads():
        most, told = peaks(measure=measure), describe()
    for name, value in told.items():
        if isinstance(value, Mapping):
            rows += [[f"{name}: {key}", str(item)] for key, item in value.items()]
        elif value is not None:
            rows.append([name, str(value)])
    cost = overhead()
    rows += [
        ["peak: product", f"{most.gflop_s:,.0f} GFLOP/s, float32"],
        ["peak: copy", f"{most.gb_s:.1f} GB/s, read and written"],
        ["peak: measured", "on a machine at rest" if most.quiet else "while others worked; measure again"],
        ["instrument: clock", f"{1e6 * cost.sample_s:.2g} µs in each sample"],
        ["instrument: memory", f"{cost.watch:.2%} of one core beside it"],
    ]
    print_rows(["what", "value"], rows)
    conflict = opencv_conflict()
    if conflict:
        notice(conflict)
    return 1 if conflict else 0
