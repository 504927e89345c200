"""Data sets: real images at once, one's own from a folder, the public ones by name."""

from __future__ import annotations

from featbench.plugins import PluginTable

__all__ = ["DATASETS"]

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
