"""Everything that is promised of a GPU, in one call of under eight minutes: ``python -m benchmarks.gpu CIFAR_FOLDER``.

Parts run one after another, and each writes ``RESULTS/<part>.json`` as soon as it has something to tell, so that a run
that is killed keeps what it has; one that fails says so in its file, and the next begins. After the budget no part
begins and no further seed. ``words``, which takes minutes of its own, and ``patches`` run where they are named. The
extractors are the package's own, through their public calls; neither pydantic nor platformdirs is imported. Not yet
measured.

With ``--small`` a few images go through the parts on a processor, to see that they run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gpu_parts
from benchmarks.gpu_parts import Setting
from featbench.datasets.cifar10 import Cifar10
from featbench.errors import FeatbenchError
from featbench.numerics.torch_device import torch_for
from featbench.timing.rates import gpu_told

__all__ = ["main"]

Told = dict[str, Any]

# In this order: what matters most, and what later parts take over, comes first.
_PARTS: dict[str, Callable[[Setting], Iterator[Told]]] = {
    part.__name__: part
    for part in (
        gpu_parts.cnn_94, gpu_parts.same_seed, gpu_parts.features, gpu_parts.agreement, gpu_parts.neighbors,
        gpu_parts.kmeans, gpu_parts.cnn_96, gpu_parts.words, gpu_parts.patches,
    )
}  # fmt: skip
_PROMISED = tuple(name for name in _PARTS if name not in ("words", "patches"))


def _run(name: str, setting: Setting, about: Told, results: Path) -> bool:
    """Run a part, write what it tells when it tells it, and return whether it came to its end."""
    path, start = results / f"{name}.json", time.perf_counter()
    told: Told = {"part": name, **about}

    def write(**more: Any) -> None:
        told.update(more, part_seconds=time.perf_counter() - start)
        aside = path.with_suffix(".part")
        aside.write_text(json.dumps(told, indent=1, default=float) + "\n", encoding="utf-8")
        aside.replace(path)

    try:
        for found in _PARTS[name](setting):
            write(**found, done=False)
        write(done=True)
    except Exception as error:
        write(done=False, failed=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
    shown = {k: v for k, v in told.items() if k not in (*about, "part", "traceback", "done")}
    print(f"{name}: {json.dumps(shown, default=float)}", flush=True)
    return bool(told["done"])


def _about(torch: Any, place: str) -> Told:
    name, driver = gpu_told() if place == "cuda" else ("torch on the processor", None)
    return {
        "device": name,
        "driver": driver,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all of the promised ones; the exit code is 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="of CIFAR-10's python batches, plain or as .xz")
    parser.add_argument("--results", default="gpu-results", type=Path, help="folder for a JSON file a part")
    parser.add_argument("--parts", nargs="+", choices=tuple(_PARTS), default=_PROMISED, metavar="PART")
    parser.add_argument("--budget", type=float, default=420.0, help="seconds after which no part begins")
    parser.add_argument("--small", action="store_true", help="few images on the processor, to try it out")
    given = parser.parse_args(arguments)
    start = time.perf_counter()
    place = "cpu" if given.small else "cuda"
    try:
        torch = torch_for(place, "gpu")
        most = {"max_train": 24, "max_test": 8} if given.small else {}
        data = Cifar10(root=given.folder, download=False, **most).load()
    except FeatbenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    given.results.mkdir(parents=True, exist_ok=True)
    setting = Setting(data, place, given.small, start + given.budget)
    about = {**_about(torch, place), "images": [len(data.train), len(data.test)]}
    whole = True
    for name in given.parts:
        if time.perf_counter() > setting.deadline:
            print(f"{name}: not begun, the {given.budget:.0f} s of the budget are spent", flush=True)
            whole = False
        else:
            whole &= _run(name, setting, about, given.results)
    print(f"{time.perf_counter() - start:.0f} s in all; {given.results}", flush=True)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
