"""Images that pipelines miss: the most confident mistakes of each, and those that no pipeline labels right."""

from __future__ import annotations

from collections import Counter

from featbench.report.embedded import Images
from featbench.report.failures import MISSED, MISTAKES, Judged, missed_by_all, mistakes
from featbench.report.galleries.gallery import Gallery, Group, Shot
from featbench.report.seen import Seen

__all__ = ["missed_gallery", "mistakes_gallery"]

_ROWS = 100  # whose mistakes a page can carry


def mistakes_gallery(seen: Seen, images: Images) -> Gallery | None:
    """Return the images that each row got wrong though it was sure; None where there is nothing to show."""
    choices = []
    for row in seen.rows[:_ROWS]:
        shots = [
            _mistake(seen, row.judged, number, images) for number in mistakes(row.judged, MISTAKES).tolist()
        ]
        shown = tuple(shot for shot in shots if shot is not None)
        if shown:
            choices.append((row.name, (Group("", shown),)))
    note = (
        "What the row takes them for, and how sure it says it is. Where its classifier gives no probabilities, the "
        "largest margins come first; where it gives no scores, the first images."
    )
    return Gallery("Most confident mistakes", note, "row", tuple(choices)) if choices else None


def _mistake(seen: Seen, row: Judged, number: int, images: Images) -> Shot | None:
    key = images.add(seen.thumbnails.get(("test", number)))
    if key is None:
        return None
    truth, said = seen.classes[row.truth[number]], seen.classes[row.predictions[number]]
    sure = ""
    if row.kind == "probability" and row.confidence is not None:
        sure = f", {100 * float(row.confidence[number]):.0f}\N{NO-BREAK SPACE}%"
    return Shot(key, f"{truth}, taken for {said}{sure}", f"test image {number}")


def missed_gallery(seen: Seen, images: Images) -> Gallery | None:
    """Return images that no row labels right, those first on which most rows agree; None of fewer than two rows."""
    rows = [row.judged for row in seen.rows]
    if len(rows) < 2:
        return None
    missed = missed_by_all(rows)
    shots = []
    for number in missed[:MISSED].tolist():
        key = images.add(seen.thumbnails.get(("test", number)))
        if key is not None:
            label, votes = Counter(int(row.predictions[number]) for row in rows).most_common(1)[0]
            text = f"{seen.classes[rows[0].truth[number]]}, taken for {seen.classes[label]} by {votes}"
            shots.append(Shot(key, text, f"test image {number}"))
    if not shots:
        return None
    some = f" Here are {len(shots)} of them." if len(shots) < len(missed) else ""
    n = len(rows[0].truth)
    note = f"{len(missed):,} of {n:,} test images are labelled right by none of {len(rows)} rows.{some}"
    return Gallery("Images that every row misses", note, "", (("all", (Group("", tuple(shots)),)),))
