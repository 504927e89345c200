"""``featbench run``: from a YAML file to a table."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featbench.cli.console import notice, print_summary
from featbench.cli.progress import TerminalProgress
from featbench.errors import ConfigError
from featbench.text import counted, first_few

if TYPE_CHECKING:
    from featbench.runner import Run

__all__ = ["cache_of", "finish", "run"]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override a key, such as classifier.reg=1e-3. Repeatable."
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for the results [default: runs/NAME].")
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=PATTERN",
        help="Run only the rows that match, such as 'extractor=hog*' or classifier=svm,softmax. Repeatable.",
    ),
]
QuickOption = Annotated[
    bool,
    typer.Option("--quick", help="Run everything once on a small sample; test labels stay closed."),
]
DryOption = Annotated[
    bool, typer.Option("--dry-run", help="List the rows, what is there and what the rest will cost.")
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", help="Make N blocks of rows at once; their times are marked."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Run every row again, finished ones too.")]
RetryOption = Annotated[
    bool, typer.Option("--retry-failed", help="Run those rows again that failed or took too long.")
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0.0,
        help="End a row after so long; each runs in a process of its own.",
    ),
]
FailFastOption = Annotated[
    bool, typer.Option("--fail-fast", help="Begin no further row after one that failed.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="Where features are kept [default: FEATBENCH_CACHE, or the user's folder].",
    ),
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Make and time all features anew, and keep none.")
]
NoImagesOption = Annotated[
    bool, typer.Option("--no-images", help="Keep no image of the data set for the report; as images=none.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")]


def run(
    config: Annotated[str, typer.Argument(help="A YAML file, or the name of a packaged config.")],
    overrides: SetOption = None,
    filters: FilterOption = None,
    quick: QuickOption = False,
    dry: DryOption = False,
    output: OutputOption = None,
    force: ForceOption = False,
    retry_failed: RetryOption = False,
    fail_fast: FailFastOption = False,
    timeout: TimeoutOption = None,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
    cache: CacheOption = None,
    no_cache: NoCacheOption = False,
    no_images: NoImagesOption = False,
) -> int:
    """Run an experiment and print its table of accuracy and cost."""
    overrides = [*(overrides or ()), *(["images=none"] if no_images else [])]
    if dry:
        kept = cache_of(cache, none=no_cache)
        again = {"force": force, "retry_failed": retry_failed, "timeout_s": timeout}
        return _plan(config, output, overrides, filters or (), again, quick=quick, cache=kept)
    from featbench.runner import run as run_experiment

    result = run_experiment(
        config,
        output=output,
        overrides=overrides,
        filters=filters or (),
        quick=quick,
        force=force,
        retry_failed=retry_failed,
        fail_fast=fail_fast,
        timeout_s=timeout,
        jobs=jobs,
        cache=cache_of(cache, none=no_cache),
        progress=TerminalProgress(),
    )
    return finish(result, as_json=as_json)


def _plan(
    config: str,
    output: Path | None,
    overrides: Sequence[str],
    filters: Sequence[str],
    again: Mapping[str, Any],
    *,
    quick: bool,
    cache: Path | bool,
) -> int:
    from featbench.cli.planned import print_planned
    from featbench.dry_run import dry_run
    from featbench.timing import Load

    load = Load()
    rows = dry_run(
        config, output=output, overrides=overrides, filters=filters, quick=quick, cache=cache, **again
    )
    print_planned(rows, load.share())
    if filters:
        from featbench.config import load_experiment, without_voters
        from featbench.quick import quick_experiment

        experiment = load_experiment(config, overrides)
        whole = quick_experiment(experiment) if quick else experiment
        _tell_without_voters(without_voters(whole, [row.cell for row in rows]))
    return 0


def _tell_without_voters(ensembles: Sequence[str]) -> None:
    """Say which ensembles filters left out although nobody named them."""
    if ensembles:
        were = counted(len(ensembles), "ensemble is", "ensembles are")
        notice(
            f"{were} left out, because --filter leaves out rows that vote there: {first_few(ensembles)}. "
            "--filter 'label=ensemble*' runs ensembles with all their rows."
        )


def cache_of(folder: Path | None, *, none: bool) -> Path | bool:
    """Return what `featbench.run` takes for its cache.

    Raises
    ------
    ConfigError
        There is to be none, and a folder is given.
    """
    if none and folder is not None:
        raise ConfigError("--no-cache and --cache exclude each other. Give one of them.")
    return folder or not none


def finish(result: Run, *, as_json: bool) -> int:
    """Print the table of a run and where its files lie; return 1 where a row failed or none was measured."""
    from featbench.report import as_json as to_json
    from featbench.report import summarize_run
    from featbench.store import Store

    root = result.root
    summary = summarize_run(Store(root))
    if as_json:
        sys.stdout.write(to_json(summary))
    else:
        print_summary(summary)
    _tell_without_voters(result.without_voters)
    if result.n_reused:
        were = counted(result.n_reused, "row was", "rows were")
        notice(f"{were} in the folder already and not run again; --force runs all.")
    if result.n_standing:
        were = counted(result.n_standing, "row", "rows")
        notice(f"{were} failed in an earlier run, from the same things; --retry-failed runs them again.")
    notice(f"Report: {root / 'report.html'}; tables: {root / 'results.csv'}, .json, .md")
    if result.n_failed:
        notice(f"{counted(result.n_failed, 'row')} failed; tracebacks are in {root / 'cells'}.")
    return 1 if result.n_failed or not result.n_done else 0
