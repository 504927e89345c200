"""Data sets: real images at once, one's own from a folder, the public ones by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featbench.plugins import PluginTable

if TYPE_CHECKING:
    from featbench.datasets.cifar10 import Cifar10
    from featbench.datasets.digits import Digits
    from featbench.datasets.folder import Folder
    from featbench.datasets.npz import Npz
    from featbench.datasets.opening import open_dataset
    from featbench.datasets.photos import Photos

__all__ = ["DATASETS", "Cifar10", "Digits", "Folder", "Npz", "Photos", "open_dataset"]

DATASETS = PluginTable(
    "dataset",
    {
        "photos": "featbench.datasets.photos:Photos",
        "digits": "featbench.datasets.digits:Digits",
        "cifar10": "featbench.datasets.cifar10:Cifar10",
        "folder": "featbench.datasets.folder:Folder",
        "npz": "featbench.datasets.npz:Npz",
    },
)


def __getattr__(name: str) -> Any:
    if name == "open_dataset":
        from featbench.datasets.opening import open_dataset

        return open_dataset
    return DATASETS.own_class(name)
