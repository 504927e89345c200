"""What comes home of a block that was done elsewhere: the bytes of an ``.npz``, JSON and arrays.

Nothing of it is unpickled. Predictions come home unjudged: test labels stay under seal where they were made.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featbench.blocks import Attempt, Block
from featbench.environment import describe
from featbench.evaluation import Evaluated, Prediction
from featbench.sealed import Selected
from featbench.store import to_json
from featbench.types import AnyArray

__all__ = ["read_answer", "write_answer"]


def write_answer(attempts: Sequence[Attempt]) -> bytes:
    """Write what became of the first cells of a block, and where that was.

    Parameters
    ----------
    attempts : sequence of Attempt
        In the order of the cells.

    Returns
    -------
    bytes
        For `read_answer`.
    """
    arrays: dict[str, AnyArray] = {}
    cells = []
    for i, done in enumerate(attempts):
        made = done.outcome
        waits = isinstance(made, Prediction)
        cells.append({"record": made.record, "seconds": done.seconds, "waits": waits})
        if isinstance(made, Prediction):
            arrays[f"predictions{i}"] = made.refitted.predictions
            if made.top5 is not None:
                arrays[f"top5{i}"] = made.top5
            arrays |= {f"evidence{i}.{name}": array for name, array in made.evidence.items()}
    told = to_json({"cells": cells, "environment": describe()})
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, told=np.frombuffer(told.encode(), np.uint8), **arrays)
    return content.getvalue()


def read_answer(content: bytes, block: Block, told: Mapping[str, Any]) -> list[Attempt]:
    """Read what `write_answer` wrote.

    Parameters
    ----------
    content : bytes
    block : Block
        That was described.
    told : mapping
        What the records shall tell of where they were made, beside the environment there.

    Returns
    -------
    list of Attempt
        For as many of the block's cells as were done.

    Raises
    ------
    ValueError
        It is damaged, or has objects that would have to be unpickled.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        answer = json.loads(file["told"].tobytes())
        arrays = {name: file[name] for name in file.files}
    told = {**told, "environment": answer["environment"]}
    attempts = []
    for i, (cell, done) in enumerate(zip(block.cells, answer["cells"], strict=False)):
        record = done["record"]
        made: Prediction | Evaluated = Evaluated(record, {})
        if done["waits"]:
            begin = f"evidence{i}."
            evidence = {n.removeprefix(begin): array for n, array in arrays.items() if n.startswith(begin)}
            made = _prediction(record, arrays[f"predictions{i}"], arrays.get(f"top5{i}"), evidence)
        attempts.append(Attempt(cell, made, done["seconds"], told))
    return attempts


def _prediction(
    record: dict[str, Any], predictions: AnyArray, top5: AnyArray | None, evidence: dict[str, AnyArray]
) -> Prediction:
    selected = Selected(record["selection"]["parameters"])
    return Prediction(record, selected.refit(lambda _: predictions), top5, evidence)
