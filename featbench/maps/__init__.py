"""Feature maps: rows of numbers in, rows of numbers out, between an extractor and a classifier.

Adding one takes three files, as for an extractor: the module beside this one, its row in the table below,
and its test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featbench.plugins import PluginTable

if TYPE_CHECKING:
    from featbench.maps.contrast import Contrast
    from featbench.maps.homogeneous import Chi2, Intersection
    from featbench.maps.intra import Intra
    from featbench.maps.nystroem import Nystroem
    from featbench.maps.pca import PCA
    from featbench.maps.polynomial import PolynomialSketch
    from featbench.maps.random_features import RandomFourier, RandomReLU
    from featbench.maps.rowwise import L2, Power
    from featbench.maps.whiten import Whiten

__all__ = [
    "L2",
    "MAPS",
    "PCA",
    "Chi2",
    "Contrast",
    "Intersection",
    "Intra",
    "Nystroem",
    "PolynomialSketch",
    "Power",
    "RandomFourier",
    "RandomReLU",
    "Whiten",
]

MAPS = PluginTable(
    "map",
    {
        "power": "featbench.maps.rowwise:Power",
        "l2": "featbench.maps.rowwise:L2",
        "contrast": "featbench.maps.contrast:Contrast",
        "intra": "featbench.maps.intra:Intra",
        "pca": "featbench.maps.pca:PCA",
        "whiten": "featbench.maps.whiten:Whiten",
        "chi2": "featbench.maps.homogeneous:Chi2",
        "intersection": "featbench.maps.homogeneous:Intersection",
        "nystroem": "featbench.maps.nystroem:Nystroem",
        "fourier": "featbench.maps.random_features:RandomFourier",
        "random_relu": "featbench.maps.random_features:RandomReLU",
        "polynomial": "featbench.maps.polynomial:PolynomialSketch",
    },
)


def __getattr__(name: str) -> Any:
    return MAPS.own_class(name)
