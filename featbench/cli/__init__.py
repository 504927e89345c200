"""The command line: flags in, messages and exit codes out; everything else lives below.

Exit codes: 0; 1 it ran, but a cell failed or a gate was exceeded; 2 usage or config; 3 data;
130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from featbench.cli import (
    cache,
    compare,
    data,
    env,
    extract,
    init,
    listing,
    model,
    records,
    report,
    rerun,
    run,
    sanity,
    schema,
    trying,
)
from featbench.cli.console import print_error
from featbench.errors import FeatbenchError

__all__ = ["main"]

app = typer.Typer(
    name="featbench",
    help="Classical image features before interchangeable classifiers, with accuracy and cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import featbench

        typer.echo(featbench.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Classical image features before interchangeable classifiers, with accuracy and cost."""


app.command("run")(run.run)
app.command("try")(trying.try_folder)
app.command("extract")(extract.extract)
app.command("init")(init.init)
app.command("list")(listing.list_plugins)
app.command("info")(listing.info)
app.command("sanity")(sanity.sanity)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("rerun")(rerun.rerun)
app.command("schema")(schema.schema)
app.command("env")(env.env)
app.add_typer(cache.app, name="cache")
app.add_typer(data.app, name="data")
app.add_typer(model.app, name="model")
app.add_typer(records.app, name="records")


def main() -> None:
    """Run the command line and exit with its code."""
    debug = "--debug" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    sys.exit(_code(arguments, debug))


def _code(arguments: list[str], debug: bool) -> int:
    try:
        code = app(arguments, prog_name="featbench", standalone_mode=False) or 0
    except FeatbenchError as error:
        if debug:
            raise
        print_error(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except typer.TyperException as error:  # a verb, a flag or a value that is not there
        if "Usage:" in str(error):  # a group without a verb: its help
            typer.echo(str(error), err=True)
        else:
            print_error(f"{str(error).rstrip('.')}. See `featbench --help`, or --help after a verb.")
        return 2
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            raise
        print_error(
            f"{type(error).__name__}: {error}\nThis is a fault of featbench. Run again with --debug for the "
            "traceback, and report it."
        )
        return 1
    if code == 130:
        print_error("interrupted. What was finished is kept; the same command goes on from there.")
    return int(code)
