"""Tables, files and pages out of stored results alone; no plug-in is imported here."""

from __future__ import annotations

from featbench.report.files import as_csv, as_json, as_markdown
from featbench.report.html import as_html
from featbench.report.summary import Summary, summarize_run
from featbench.store import Store, write_atomic

__all__ = ["as_csv", "as_html", "as_json", "as_markdown", "summarize_run", "write_results"]


def write_results(store: Store, *, pictures: bool = True) -> Summary:
    """Derive ``results.csv``, ``results.json``, ``results.md`` and ``report.html`` from the cells.

    Parameters
    ----------
    store : Store
        The folder of a run, finished or not.
    pictures : bool, optional
        Whether the page may show images of the data sets.

    Returns
    -------
    Summary

    Raises
    ------
    ConfigError
        The folder holds no run.
    StoreError
        A file of it is damaged, or the folder cannot be written.
    """
    summary = summarize_run(store)
    write_atomic(store.root / "results.csv", as_csv(summary))
    write_atomic(store.root / "results.json", as_json(summary))
    write_atomic(store.root / "results.md", as_markdown(summary))
    write_atomic(store.root / "report.html", as_html(summary, pictures=pictures))
    return summary
