"""``featbench sanity CONFIG``: faults of a pipeline found in seconds, before it is run."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from featbench.cli.console import notice, print_rows
from featbench.cli.run import SetOption

__all__ = ["sanity"]


def sanity(
    config: Annotated[str, typer.Argument(help="A YAML file, or the name of a packaged config.")],
    overrides: SetOption = None,
    images: Annotated[int, typer.Option(help="Training images to look at, at least 20.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
) -> int:
    """Check losses, gradients, fits and features of every pipeline on training images; no test label is opened."""
    from featbench.sanity import check_experiment

    checks = check_experiment(config, overrides=overrides or (), images=images)
    if as_json:
        told = [{"pipeline": c.pipeline, **asdict(c.finding)} for c in checks]
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    else:
        rows = [[c.pipeline, *list(asdict(c.finding).values())[:4]] for c in checks]
        headings = ["pipeline", "check", "found", "expected", "verdict"]
        print_rows(headings, rows, [False, False, True, True, True])
    for check in checks:
        if check.finding.advice:
            notice(f"· {check.pipeline}: {check.finding.check}: {check.finding.advice}")
    verdicts = [check.finding.verdict for check in checks]
    counts = {verdict: verdicts.count(verdict) for verdict in ("pass", "advice", "fail")}
    notice(f"{counts['pass']} passed, {counts['advice']} with advice, {counts['fail']} failed.")
    return 1 if counts["fail"] else 0
