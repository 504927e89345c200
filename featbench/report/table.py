"""The table that the terminal, Markdown and the page show alike: its columns and how figures are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from featbench.report.apart import notes_beside, told_beside, told_price
from featbench.report.steadiness import LABELLING, marked, notes_of_machine
from featbench.report.summary import TRAINING, DatasetSummary, Line, Summary
from featbench.text import counted

__all__ = ["COLUMNS", "Column", "caption", "columns_of", "footnotes", "starred", "verdict"]

_CACHED = "†"


@dataclass(frozen=True)
class Column:
    """One column: its heading, what it means, how a line fills it; an optional one is left out where none does."""

    heading: str
    meaning: str
    show: Callable[[Line], str]
    numeric: bool = True
    optional: bool = False


def percent(value: float | None, digits: int = 1) -> str:
    """Return ``54.3``, or an empty text for None."""
    return "" if value is None else f"{100 * value:.{digits}f}"


def seconds(value: float | None) -> str:
    """Return seconds with two to three significant digits."""
    return "" if value is None else figure(value)


def figure(value: float | None) -> str:
    """Return a positive number with about three significant digits and no exponent."""
    if value is None:
        return ""
    for limit, digits in ((0.01, 4), (0.1, 3), (10, 2), (100, 1)):
        if abs(value) < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def spread(line: Line, name: str) -> str:
    """Return a mean accuracy, with its deviation over splits and seeds where there are several."""
    text = percent(line.mean(name))
    deviation = line.deviation(name)
    return text if deviation is None else f"{text} ± {percent(deviation)}"


def tested(line: Line) -> str:
    """Return the test accuracy with its 95 % interval or deviation; ``closed`` where test labels stay so."""
    if line.status != "ok":
        return line.status
    if line.deviation("test_accuracy") is not None:
        return spread(line, "test_accuracy")
    if line.mean("test_accuracy") is None:
        return "closed"
    low, high = line.mean("test_low"), line.mean("test_high")
    return f"{percent(line.mean('test_accuracy'))} [{percent(low)}, {percent(high)}]"


def old(line: Line) -> str:
    """Return the mark of figures that count features from the cache."""
    return _CACHED if line.is_cached else ""


def starred(line: Line) -> str:
    """Return the label, with the mark of what validation chose or of what cannot be told from it."""
    tie = line.versus is not None and line.versus.tie
    return ("★ " if line.recommended else "≈ " if tie else "") + line.label


def apart(line: Line) -> str:
    """Return by how many points a row is better than the recommended one."""
    return "" if line.versus is None else _signed(100 * line.versus.difference)


def published(line: Line) -> str:
    """Return the published figure that a row is to reproduce, and ours less that."""
    if line.claim is None:
        return ""
    theirs, difference = f"{line.claim.reference.accuracy:.1f}", line.claim.difference
    if difference is None:
        return f"{theirs} (not compared)"
    return f"{theirs} ({_signed(difference)}{'' if line.claim.holds else ' !'})"


def _signed(points: float) -> str:
    text = f"{points:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


COLUMNS: tuple[Column, ...] = (
    Column("pipeline", "extractor → preprocessing → classifier; ★ marks what validation chose, ≈ what cannot be told "
           "from it on the test images", starred, numeric=False),
    Column("chosen", "hyperparameters that validation chose", lambda line: line.chosen, numeric=False),
    Column("val %", "mean accuracy on the folds", lambda line: percent(line.mean("val_accuracy"))),
    Column("test %", "accuracy on the test images with its 95 % interval, or ± deviation over splits", tested),
    Column("vs ★", "points of test accuracy more than the row that validation chose", apart, optional=True),
    Column("published", "a figure that the row is to reproduce, and ours less that; ! outside its tolerance", published,
           optional=True),
    Column("train %", "accuracy on the images it was fitted on", lambda line: percent(line.mean("train_accuracy"))),
    Column("train s", "seconds to extract, select and fit on all training images",
           lambda line: marked(seconds(line.training_seconds), line, *TRAINING) + old(line)),
    Column("fit s", "seconds of the final classifier fit alone",
           lambda line: "" if line.is_baseline else marked(seconds(line.seconds("fit")), line, "fit")),
    Column("images/s", "test images labelled a second, in one batch",
           lambda line: marked(figure(line.mean("images_per_s")), line, *LABELLING) + old(line)),
    Column("ms/image", "median latency of a single image, from pixels to label",
           lambda line: figure(line.mean("latency_ms_p50"))),
    Column("dim", "numbers an image", lambda line: f"{line.mean('dim') or 0:.0f}" if line.mean("dim") else ""),
    Column("model MB", "size of what was fitted, from extractor to classifier, in 10⁶ bytes",
           lambda line: figure(line.mean("model_mb")), optional=True),
    Column("peak MB", "highest resident memory of the process while the row was made",
           lambda line: figure(line.mean("peak_rss_mb"))),
)  # fmt: skip


def columns_of(datasets: Iterable[DatasetSummary]) -> list[Column]:
    """Return the columns that data sets have something for."""
    lines = [line for dataset in datasets for line in dataset.lines]
    return [c for c in COLUMNS if not c.optional or any(c.show(line) for line in lines)]


def caption(dataset: DatasetSummary) -> str:
    """Return ``photos: 5,000 training and 1,000 test images of 10 classes``."""
    data = dataset.data
    train, test = data.get("n_train", 0), data.get("n_test", 0)
    if data.get("quick"):
        sample = f"{data['quick']:,} of {train:,} training images"
        return f"{dataset.name}: a sample of {sample} of {len(data.get('classes', ()))} classes"
    return f"{dataset.name}: {train:,} training and {test:,} test images of {len(data.get('classes', ()))} classes"


def verdict(dataset: DatasetSummary) -> str:
    """Say in one sentence what validation recommends and what that is worth."""
    line = dataset.recommended
    if line is None:
        return "Nothing was validated, so nothing is recommended."
    chosen = f" ({line.chosen})" if line.chosen else ""
    if line.mean("test_accuracy") is None:
        best = percent(line.mean("val_accuracy"))
        return f"Best on the folds of the sample: {line.label}{chosen}, {best} %. {_closed(dataset).capitalize()}."
    sentence = f"Validation recommends {line.label}{chosen}: "
    if line.deviation("test_accuracy") is not None:
        n = len(line.values("test_accuracy"))
        told = f"{spread(line, 'test_accuracy')} % on the test images, mean and deviation of {n} runs."
        return " ".join([sentence + told, *told_beside(dataset), *told_price(dataset)])
    method = {"wilson": "Wilson's", "cluster bootstrap": "cluster bootstrap"}[
        line.done[0]["scores"]["interval"]
    ]
    low, high = percent(line.mean("test_low")), percent(line.mean("test_high"))
    accuracy = percent(line.mean("test_accuracy"))
    told = f"{accuracy} % on the test images, 95 % interval {low} to {high} ({method})."
    return " ".join([sentence + told, *told_beside(dataset), *told_price(dataset)])


def _closed(dataset: DatasetSummary) -> str:
    return f"quick: a sample of {dataset.data['quick']:,} images; test labels stay closed"


def footnotes(summary: Summary) -> list[str]:
    """Return what a reader must know beside the table."""
    notes = notes_of_machine(summary)
    for dataset in summary.datasets:
        notes.extend(notes_beside(dataset))
        notes.extend(_data_notes(dataset))
        if dataset.data.get("quick"):
            notes.append(f"{dataset.name}: {_closed(dataset)}.")
            continue
        count = sum(o.get("dataset") == dataset.name for o in summary.openings)
        times = "once" if count == 1 else f"{count:,} times"
        told = (
            f"opened {times} in this folder, each time after a refit"
            if count
            else "not opened in this folder"
        )
        notes.append(f"{dataset.name}: test labels were {told}.")
    if any("shared" in str(r.get("phases")) for r in summary.records):
        notes.append("Times are medians of warm runs; features that rows share were made and timed once.")
    if any(line.is_cached for dataset in summary.datasets for line in dataset.lines):
        notes.append(f"{_CACHED} counts features from the cache as what they cost when they were made.")
    notes.extend(_claim_notes(summary))
    notes.extend(_row_notes(summary))
    if summary.n_missing:
        missing = counted(summary.n_missing, "row")
        notes.append(f"{missing} of the run not there yet; the same command goes on.")
    if summary.n_foreign:
        foreign = counted(summary.n_foreign, "row")
        filtered = summary.run.get("filters")
        whose = "left out by --filter, or of another experiment," if filtered else "of another experiment"
        notes.append(f"{foreign} {whose} in this folder, kept in cells/ and not shown.")
    return list(dict.fromkeys(notes))


def _claim_notes(summary: Summary) -> list[str]:
    """Say of every published figure where it is from, and how ours stands to it."""
    return [
        f"{dataset.name}: {line.label}: {line.claim.told}. Source: {line.claim.reference.told}."
        for dataset in summary.datasets
        for line in dataset.lines
        if line.claim is not None
    ]


def _row_notes(summary: Summary) -> list[str]:
    """Say what befell rows, once for the rows of a data set that share it."""
    rows: dict[tuple[str, str], list[str]] = {}
    for record in summary.records:
        said = list(record.get("warnings") or ())
        if record["status"] != "ok":
            said.insert(0, f"{record['status']}: {record.get('reason', '')}")
        for text in said:
            labels = rows.setdefault((record["dataset"], text), [])
            if record["label"] not in labels:
                labels.append(record["label"])
    notes = []
    for (dataset, text), (first, *others) in rows.items():
        more = f" and {counted(len(others), 'more row')}" if others else ""
        notes.append(f"{dataset}: {first}{more}: {text}")
    return notes


def _data_notes(dataset: DatasetSummary) -> list[str]:
    data = dataset.data
    notes = [f"{dataset.name}: {note}" for note in data.get("notes") or ()]
    duplicates = data.get("duplicates") or {}
    exact, near = duplicates.get("exact", 0), duplicates.get("near", 0)
    if exact or near:
        notes.append(
            f"{dataset.name}: of {data.get('n_test', 0):,} test images, {exact} stand in the training set too "
            f"and {near} more have a near duplicate there; accuracies may be flattered by as much."
        )
    return notes
