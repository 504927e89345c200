"""What `benchmarks.gpu` measures: each part tells what it knows as soon as it knows it.

Times are seconds, host to host, with the device synchronised before a clock is read. Not yet measured on a GPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from featbench.extractors import CNN
from featbench.imagesets import Dataset
from featbench.numerics.device_neighbors import DeviceNeighbors
from featbench.numerics.neighbors import Neighbors
from featbench.numerics.torch_device import full_precision
from featbench.timing.device import device_peak_mb, forget_device_peak, synchronize
from featbench.timing.rates import BATCHES, images_per_s
from featbench.types import AnyArray, ImageArray, Labels

__all__ = [
    "Setting", "agreement", "cnn_94", "cnn_96", "features", "kmeans", "neighbors", "patches", "same_seed", "words",
]  # fmt: skip

Told = dict[str, Any]

_AGREED = (
    1e-3  # of the largest feature: what the processor's and the GPU's may differ by in float32 without TF32
)
_COMPARED = 512  # images of which that is looked at, and queries whose neighbours the processor finds as well
_NEIGHBOURS = 10
_SEEDS = 5


@dataclass
class Setting:
    """What all parts run on.

    Attributes
    ----------
    data : Dataset
        CIFAR-10, whole or some of it.
    place : str
        ``"cuda"``, or ``"cpu"`` for trying it out.
    small : bool
        Whether it is tried out: one epoch, two seeds, few words.
    deadline : float
        When no seed is begun any more, as `time.perf_counter` counts.
    trained : CNN or None
        The network that a part left for those after it.
    """

    data: Dataset
    place: str
    small: bool
    deadline: float
    trained: CNN | None = field(default=None)

    @property
    def train(self) -> tuple[ImageArray, Labels]:
        """Training images and labels."""
        return np.asarray(self.data.train.images[:]), self.data.train.labels

    @property
    def test(self) -> tuple[ImageArray, Labels]:
        """Test images and labels."""
        return np.asarray(self.data.test.images[:]), self.data.test.labels

    def network(self, architecture: str, seed: int) -> CNN:
        """Return a network that is not trained yet."""
        asked: Told = {"epochs": 1, "batch_size": 8} if self.small else {"compiled": True}
        return CNN(
            architecture=architecture, average_flips=True, device=self.place, random_state=seed, **asked
        )


def _accuracy(setting: Setting, cnn: CNN) -> float:
    images, labels = setting.test
    return float((cnn.classes_[cnn.scores(images).argmax(axis=1)] == labels).mean())


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    synchronize()
    start = time.perf_counter()
    result = work()
    synchronize()
    return time.perf_counter() - start, result


def _trainings(setting: Setting, architecture: str, asked: Told) -> Iterator[Told]:
    """Train with one seed after another and tell after each; the first training starts the device and is no sample."""
    images, labels = setting.train
    warmup, _ = _seconds(lambda: setting.network(architecture, 1000).fit(images, labels))
    told: Told = {"asked": asked, "warmup_s": warmup, "seconds": [], "accuracies": []}
    forget_device_peak()
    for seed in range(2 if setting.small else _SEEDS):
        if told["seconds"] and time.perf_counter() > setting.deadline:
            told["ended"] = "the time was up"
            break
        cnn = setting.network(architecture, seed)
        seconds, _ = _seconds(lambda cnn=cnn: cnn.fit(images, labels))  # type: ignore[misc]
        told["seconds"].append(seconds)
        told["accuracies"].append(_accuracy(setting, cnn))
        told |= {
            "mean_seconds": float(np.mean(told["seconds"])),
            "mean_accuracy": float(np.mean(told["accuracies"])),
            "batch_size": cnn.batch_size_,
            "precision": "bfloat16, features float32" if setting.place == "cuda" else "float32",
            "device_peak_mb": device_peak_mb(),
        }
        if architecture == "airbench":
            setting.trained = setting.trained or cnn
        yield told
    yield told


def cnn_94(setting: Setting) -> Iterator[Told]:
    """CIFAR-10 to 94 %: training alone is timed, from arrays to fitted weights; flips are averaged at test."""
    yield from _trainings(setting, "airbench", {"mean_accuracy": 0.94, "mean_seconds": 3.0})


def cnn_96(setting: Setting) -> Iterator[Told]:
    """CIFAR-10 to 96 %, likewise."""
    yield from _trainings(setting, "airbench96", {"mean_accuracy": 0.96, "mean_seconds": 35.0})


def _trained(setting: Setting) -> CNN:
    """Return the network of seed 0, trained now where no part has left it."""
    if setting.trained is None:
        setting.trained = setting.network("airbench", 0).fit(*setting.train)
    return setting.trained


def same_seed(setting: Setting) -> Iterator[Told]:
    """Train with the first seed once more: the same accuracy, and how far its weights are off."""
    first = _trained(setting)
    again = setting.network("airbench", 0).fit(*setting.train)
    off = max(float(np.abs(again.weights_[k] - w).max()) for k, w in first.weights_.items())
    accuracies = [_accuracy(setting, first), _accuracy(setting, again)]
    yield {
        "asked": {"same": True},
        "same": accuracies[0] == accuracies[1],
        "accuracies": accuracies,
        "weights_differ_by": off,
    }


def features(setting: Setting) -> Iterator[Told]:
    """Features of 60,000 images, host to host, and images a second by how many come at once."""
    cnn = _trained(setting)
    images = np.concatenate([setting.train[0], setting.test[0]])
    told: Told = {"asked": {"seconds": 0.5}, "images": len(images)}
    for precision in ("bfloat16", "float32"):
        cnn.set_params(precision=precision, average_flips=False)
        cnn.transform(images[:2048])  # starts the device
        forget_device_peak()
        samples = [_seconds(lambda: cnn.transform(images))[0] for _ in range(3)]
        told[precision] = {"seconds": min(samples), "samples": samples, "device_peak_mb": device_peak_mb()}
        told["seconds"] = told["bfloat16"]["seconds"]
        yield told
        told[precision]["images_per_s"] = images_per_s(
            cnn.transform, images[: max(BATCHES)], BATCHES[:2] if setting.small else BATCHES
        )
        yield told
    cnn.set_params(precision="auto", average_flips=True)


def agreement(setting: Setting) -> Iterator[Told]:
    """Features of the same weights on the processor and on the device, in float32 with TF32 off."""
    cnn = _trained(setting)
    images = setting.test[0][:_COMPARED]
    found = {}
    for place in ("cpu", setting.place):
        found[place] = cnn.set_params(device=place, precision="float32").transform(images)
    cnn.set_params(device=setting.place, precision="auto")
    off = np.abs(found["cpu"] - found[setting.place]).max()
    largest = np.abs(found["cpu"]).max()
    share = float(off / largest)
    yield {
        "asked": {"share": _AGREED}, "share": share, "agrees": share <= _AGREED, "images": len(images),
        "largest_difference": float(off), "largest_feature": float(largest),
    }  # fmt: skip


def neighbors(setting: Setting) -> Iterator[Told]:
    """Nearest neighbours of all test images: of pixels and of the network's features; the first are looked up twice."""
    told: Told = {"asked": {"equal": True}, "neighbours": _NEIGHBOURS}
    (train, labels), (test, truth) = setting.train, setting.test
    pixels = train.reshape(len(train), -1), test.reshape(len(test), -1)
    rows = _trained(setting)
    learned = rows.transform(train), rows.transform(test)
    for name, (X, Q), metric in (
        ("pixels L2", pixels, "l2"), ("pixels L1", pixels, "l1"), ("features L2", learned, "l2"),
    ):  # fmt: skip
        told[name] = _looked_up(setting, X, Q, metric, labels, truth)
        told["equal"] = all(of["equal"] for of in told.values() if isinstance(of, dict) and "equal" in of)
        yield told


def _looked_up(
    setting: Setting, X: AnyArray, Q: AnyArray, metric: str, labels: Labels, truth: Labels
) -> Told:
    searchers = DeviceNeighbors(X, metric, setting.place), Neighbors(X, metric)
    few = Q[:_COMPARED]
    for searcher in searchers:
        searcher.prepare()
        searcher.nearest(few[:9], _NEIGHBOURS)  # compiles, and starts the device
    seconds, (_, nearest) = _seconds(lambda: searchers[0].nearest(Q, _NEIGHBOURS))
    peer, expected = _seconds(lambda: searchers[1].nearest(few, _NEIGHBOURS))
    found = searchers[0].nearest(few, _NEIGHBOURS)
    return {
        "queries": len(Q), "rows": len(X), "columns": X.shape[1], "seconds": seconds,
        "processor_seconds_a_query": peer / len(few), "cores": len(os.sched_getaffinity(0)),
        "equal": all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)),
        "accuracy_of_the_nearest": float((labels[nearest[:, 0]] == truth).mean()),
    }  # fmt: skip


def kmeans(setting: Setting) -> Iterator[Told]:
    """Lloyd's iterations over 400,000 whitened patches with 1,600 words: torch on the device beside our own here."""
    import torch

    from benchmarks import gpu_words

    with full_precision(torch, setting.place):
        samples = 3000 if setting.small else gpu_words.SAMPLES
        row = gpu_words.kmeans(torch, setting.place, setting.train[0], 40 if setting.small else 1600, samples)
    yield {
        key: value for key, value in asdict(row).items() if value == value
    }  # no limit is known: NaN is no JSON


def words(setting: Setting) -> Iterator[Told]:
    """Visual words on the device beside the processor: `benchmarks.gpu_words`."""
    from benchmarks import gpu_words

    rows: list[Told] = []
    few = ((40,), 30) if setting.small else ()
    for row in gpu_words.told(setting.data, setting.place, *few):
        rows.append(row)
        yield {"rows": rows}


def patches(setting: Setting) -> Iterator[Told]:
    """Patches with mirror images and a bottleneck: `benchmarks.gpu_patches`."""
    from benchmarks import gpu_patches

    place = setting.place if setting.place == "cuda" else f"torch:{setting.place}"
    yield gpu_patches.accuracy(setting.data, place, 30 if setting.small else 2000)
