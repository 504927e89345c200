"""Visual words: an image as a count of which small patches it is made of.

Five kinds of parts, each registered by name and interchangeable, make a bag of visual words: where patches lie
(a sampling), what is said of each (a descriptor), the words (a codebook), how a descriptor is written in words
(an encoding), and how that is summed up over an image (a pooling). Between them stand feature maps.

Adding a part takes three files: the module beside this one, its row in a table below, and its test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featbench.plugins import PluginTable

if TYPE_CHECKING:
    from featbench.words.filter_responses import FilterResponses
    from featbench.words.fisher import Fisher
    from featbench.words.hard import Hard
    from featbench.words.hog144 import HOG144
    from featbench.words.keypoints import Keypoints
    from featbench.words.kmeans import KMeans, SphericalKMeans
    from featbench.words.lbp_patch import LBPPatch
    from featbench.words.llc import LLC
    from featbench.words.mixture import Mixture
    from featbench.words.nearest import Nearest
    from featbench.words.patch import Patch
    from featbench.words.pooling import Grid, Pyramid, Quadrants, Whole
    from featbench.words.random_crops import RandomCrops
    from featbench.words.random_words import RandomDirections, RandomPatches
    from featbench.words.sampling import Dense
    from featbench.words.saved_words import SavedWords
    from featbench.words.sift_patch import SIFTPatch
    from featbench.words.soft import Soft
    from featbench.words.soft_threshold import SoftThreshold
    from featbench.words.triangle import Triangle
    from featbench.words.vlad import VLAD

__all__ = [
    "CODEBOOKS",
    "DESCRIPTORS",
    "ENCODINGS",
    "HOG144",
    "LLC",
    "POOLINGS",
    "SAMPLINGS",
    "VLAD",
    "Dense",
    "FilterResponses",
    "Fisher",
    "Grid",
    "Hard",
    "KMeans",
    "Keypoints",
    "LBPPatch",
    "Mixture",
    "Nearest",
    "Patch",
    "Pyramid",
    "Quadrants",
    "RandomCrops",
    "RandomDirections",
    "RandomPatches",
    "SIFTPatch",
    "SavedWords",
    "Soft",
    "SoftThreshold",
    "SphericalKMeans",
    "Triangle",
    "Whole",
]

SAMPLINGS = PluginTable(
    "sampling",
    {
        "dense": "featbench.words.sampling:Dense",
        "random_crops": "featbench.words.random_crops:RandomCrops",
        "keypoints": "featbench.words.keypoints:Keypoints",
    },
)

DESCRIPTORS = PluginTable(
    "descriptor",
    {
        "patch": "featbench.words.patch:Patch",
        "hog144": "featbench.words.hog144:HOG144",
        "sift": "featbench.words.sift_patch:SIFTPatch",
        "lbp": "featbench.words.lbp_patch:LBPPatch",
        "filters": "featbench.words.filter_responses:FilterResponses",
    },
)

CODEBOOKS = PluginTable(
    "codebook",
    {
        "kmeans": "featbench.words.kmeans:KMeans",
        "spherical": "featbench.words.kmeans:SphericalKMeans",
        "random_patches": "featbench.words.random_words:RandomPatches",
        "gaussian": "featbench.words.random_words:RandomDirections",
        "saved": "featbench.words.saved_words:SavedWords",
        "gmm": "featbench.words.mixture:Mixture",
    },
)

ENCODINGS = PluginTable(
    "encoding",
    {
        "hard": "featbench.words.hard:Hard",
        "soft": "featbench.words.soft:Soft",
        "triangle": "featbench.words.triangle:Triangle",
        "soft_threshold": "featbench.words.soft_threshold:SoftThreshold",
        "nearest": "featbench.words.nearest:Nearest",
        "llc": "featbench.words.llc:LLC",
        "vlad": "featbench.words.vlad:VLAD",
        "fisher": "featbench.words.fisher:Fisher",
    },
)

POOLINGS = PluginTable(
    "pooling",
    {
        "whole": "featbench.words.pooling:Whole",
        "quadrants": "featbench.words.pooling:Quadrants",
        "grid": "featbench.words.pooling:Grid",
        "pyramid": "featbench.words.pooling:Pyramid",
    },
)

_TABLES = (SAMPLINGS, DESCRIPTORS, CODEBOOKS, ENCODINGS, POOLINGS)


def __getattr__(name: str) -> Any:
    for table in _TABLES[:-1]:
        try:
            return table.own_class(name)
        except AttributeError:
            continue
    return _TABLES[-1].own_class(name)
