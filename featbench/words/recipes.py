"""Bags of visual words as papers and courses describe them: every part, where it is from, and what was published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """A whole pipeline by name.

    Attributes
    ----------
    summary : str
        What it is, in a line.
    parts : mapping
        The parts as an experiment file writes them; `normalization` and `final` are lists and may be missing.
    head : str
        Preprocessing and classifier that belong to it, as an experiment file writes them.
    source, url : str
        Where it is described.
    published : str
        The figure given there and on what, with how well it is known: read in the source, or recalled. Empty where
        none was found.
    differs : str
        What is not as in the source.
    """

    summary: str
    parts: Mapping[str, Any]
    head: str
    source: str
    url: str
    published: str = ""
    differs: str = ""


# Patches of Coates & Ng: all of 6 × 6 pixels, contrast and correlations of neighbouring pixels removed.
_WHITENED = {
    "sampling": {"name": "dense", "stride": 1, "sizes": 6},
    "descriptor": {"name": "patch"},
    "normalization": [{"name": "contrast", "added": 10.0}, {"name": "whiten", "epsilon": 0.1}],
}
_PYRAMID = [[1, 1], [2, 2], [4, 4]]
_SHARE = (
    "Whitening's constant is added as a share of the mean variance, which is just below 1 after `contrast`, rather "
    "than as it is"
)
_LINEAR = "preprocess: standardize, classifier: svm"
_ONE_VS_REST = "preprocess: standardize, classifier: {name: svm, loss: one_vs_rest, tol: 1e-3}"
_AS_IS = "preprocess: none, classifier: svm"

RECIPES: Mapping[str, Recipe] = {
    "course": Recipe(
        summary="The course's: random pieces of pixels, 1,000 words, counted",
        parts={
            "sampling": {"name": "random_crops", "count": 100, "sizes": 8},
            "descriptor": {"name": "patch"},
            "codebook": {"name": "kmeans", "words": 1000},
            "encoding": "hard",
            "pooling": {"name": "whole", "how": "mean"},
        },
        head=_LINEAR,
        source="CS231n, lecture on image features, after L. Fei-Fei and P. Perona, CVPR 2005",
        url="https://doi.org/10.1109/CVPR.2005.16",
        differs="The lecture names neither the size nor the number of crops: 100 of 8 pixels here.",
    ),
    "hog144": Recipe(
        summary="The course's with HOG: random pieces as 144 numbers, 1,000 words, counted",
        parts={
            "sampling": {"name": "random_crops", "count": 100, "sizes": 8},
            "descriptor": "hog144",
            "codebook": {"name": "kmeans", "words": 1000},
            "encoding": "hard",
            "pooling": {"name": "whole", "how": "mean"},
        },
        head=_LINEAR,
        source="CS231n, lecture on image features: patches resized to 32 × 32, HOG of 144 numbers, k-means of 1,000",
        url="https://cs231n.github.io/",
        differs="The lecture names neither the size nor the number of crops: 100 of 8 pixels here.",
    ),
    "coates_ng": Recipe(
        summary="Whitened 6 × 6 patches, k-means, how much nearer than the mean word, summed over quadrants",
        parts={
            **_WHITENED,
            "codebook": {"name": "kmeans", "words": 1600, "init": "normal", "iterations": 50},
            "encoding": "triangle",
            "pooling": {"name": "quadrants", "how": "sum"},
        },
        head=_ONE_VS_REST,
        source="A. Coates, H. Lee and A. Y. Ng, An analysis of single-layer networks in unsupervised feature learning, "
        "AISTATS 2011",
        url="https://proceedings.mlr.press/v15/coates11a.html",
        published="CIFAR-10: 77.9 % with 1,600 words (second-hand), 79.6 % with 4,000 (read in its abstract); hard "
        "codes 68.6 % with 1,600 (second-hand)",
        differs=f"{_SHARE}. A word that no patch belongs to moves to the patch farthest from its own word.",
    ),
    "random_patches": Recipe(
        summary="As coates_ng with words that nobody learned: patches drawn at random",
        parts={
            **_WHITENED,
            "codebook": {"name": "random_patches", "words": 1600},
            "encoding": "triangle",
            "pooling": {"name": "quadrants", "how": "sum"},
        },
        head=_ONE_VS_REST,
        source="A. Coates and A. Y. Ng, The importance of encoding versus training with sparse coding and vector "
        "quantization, ICML 2011",
        url="https://icml.cc/2011/papers/485_icmlpaper.pdf",
        differs=f"{_SHARE}. The codes are those of coates_ng, so that the words alone differ; the paper's are of a "
        "soft threshold.",
    ),
    "patches": Recipe(
        summary="Whitened 6 × 6 patches and their negatives as words; which of them are among a patch's nearest",
        parts={
            "sampling": {"name": "dense", "stride": 1, "sizes": 6},
            "descriptor": {"name": "patch"},
            "normalization": [{"name": "whiten", "epsilon": 1e-3}, "l2"],
            "codebook": {"name": "random_patches", "words": 2000},
            "encoding": {"name": "nearest", "negatives": True},
            "pooling": {"name": "quadrants", "how": "mean"},
        },
        head=_ONE_VS_REST,
        source="L. Thiry, M. Arbel, E. Belilovsky and E. Oyallon, The unreasonable effectiveness of patches in deep "
        "convolutional kernels methods, ICLR 2021",
        url="https://arxiv.org/abs/2101.07528",
        published="CIFAR-10: 81.6 % with 2,000 words and a linear head, 85.6 % with 16,000 (read in the source)",
        differs="Codes are averaged over quadrants, 4 cells that fit in memory, where the paper averages over 5 × 5 "
        "places at a stride of 3 and learns with crops and flips by stochastic gradients.",
    ),
    "spm": Recipe(
        summary="Dense SIFT, 400 words, counted over a pyramid of grids, intersection kernel",
        parts={
            "sampling": {"name": "dense", "stride": 4, "sizes": 16},
            "descriptor": "sift",
            "codebook": {"name": "kmeans", "words": 400},
            "encoding": "hard",
            "pooling": {
                "name": "pyramid",
                "levels": _PYRAMID,
                "level_weights": [0.25, 0.25, 0.5],
                "how": "sum",
            },
            "final": ["intersection", "l2"],
        },
        head=_AS_IS,
        source="S. Lazebnik, C. Schmid and J. Ponce, Beyond bags of features: spatial pyramid matching for recognizing "
        "natural scene categories, CVPR 2006",
        url="https://doi.org/10.1109/CVPR.2006.68",
        published="Caltech-101, 30 training images: 64.6 ± 0.8 % with 200 words; 15 scenes, 100 training images: 81.4 "
        "± 0.5 % with 400 (both recalled)",
        differs="A grid of 4 pixels, for images of 128 as the config makes them, where the paper has 8 for larger "
        "ones; a linear classifier after an approximate map of the intersection kernel, in the place of the kernel.",
    ),
    "llc": Recipe(
        summary="Dense SIFT, each written as a sum of its 5 nearest of 1,024 words, largest over a pyramid of grids",
        parts={
            "sampling": {"name": "dense", "stride": 8, "sizes": [16, 25, 31]},
            "descriptor": "sift",
            "codebook": {"name": "kmeans", "words": 1024},
            "encoding": {"name": "llc", "neighbors": 5, "reg": 1e-4},
            "pooling": {"name": "pyramid", "levels": _PYRAMID, "how": "max"},
            "final": ["l2"],
        },
        head=_AS_IS,
        source="J. Wang, J. Yang, K. Yu, F. Lv, T. Huang and Y. Gong, Locality-constrained linear coding for image "
        "classification, CVPR 2010",
        url="https://doi.org/10.1109/CVPR.2010.5540018",
        published="Caltech-101, 30 training images: 73.4 % with 2,048 words (recalled)",
        differs="1,024 words, half the paper's; SIFT in the place of its three-scale HOG.",
    ),
    "vlad": Recipe(
        summary="Dense RootSIFT, the sum of what it lies away from its nearest of 64 words, whole and in quarters",
        parts={
            "sampling": {"name": "dense", "stride": 4, "sizes": [16, 24, 32]},
            "descriptor": {"name": "sift", "root": True},
            "normalization": [{"name": "pca", "components": 64}],
            "codebook": {"name": "kmeans", "words": 64},
            "encoding": "vlad",
            "pooling": {"name": "pyramid", "levels": [[1, 1], [2, 2]], "how": "sum"},
            "final": ["intra", "power", "l2"],
        },
        head=_AS_IS,
        source="H. Jégou, M. Douze, C. Schmid and P. Pérez, Aggregating local descriptors into a compact image "
        "representation, CVPR 2010; R. Arandjelović and A. Zisserman, All about VLAD, CVPR 2013",
        url="https://doi.org/10.1109/CVPR.2010.5540039",
        published="Caltech-101, 30 training images: 78.7 % with augmentation (VLFeat's page, read)",
        differs="Quarters of the image as well, which gained 7 points on twelve classes of Caltech-101 in validation.",
    ),
    "fisher": Recipe(
        summary="Dense RootSIFT in 64 components, the gradient of a mixture of 64 Gaussians",
        parts={
            "sampling": {"name": "dense", "stride": 4, "sizes": [16, 24, 32]},
            "descriptor": {"name": "sift", "root": True},
            "normalization": [{"name": "pca", "components": 64}],
            "codebook": {"name": "gmm", "words": 64},
            "encoding": "fisher",
            "pooling": {"name": "whole", "how": "mean"},
            "final": ["power", "l2"],
        },
        head=_AS_IS,
        source="F. Perronnin, J. Sánchez and T. Mensink, Improving the Fisher kernel for large-scale image "
        "classification, ECCV 2010",
        url="https://doi.org/10.1007/978-3-642-15561-1_11",
        published="Caltech-101, 30 training images: 77.6 % with a spatial pyramid (VLFeat's page, read)",
        differs="64 Gaussians and no pyramid: 8,192 numbers, which a small set of images can fill.",
    ),
    "phow": Recipe(
        summary="Dense SIFT of four sizes, 600 words, counted over a pyramid of grids, χ² kernel",
        parts={
            "sampling": {"name": "dense", "stride": 4, "sizes": [16, 24, 32, 40]},
            "descriptor": "sift",
            "codebook": {"name": "kmeans", "words": 600},
            "encoding": "hard",
            "pooling": {"name": "pyramid", "levels": [[2, 2], [4, 4]], "how": "sum"},
            "final": ["chi2", "l2"],
        },
        head=_AS_IS,
        source="A. Vedaldi and B. Fulkerson, VLFeat: its example PHOW on Caltech-101; A. Bosch, A. Zisserman and X. "
        "Muñoz, Image classification using random forests and ferns, ICCV 2007",
        url="https://www.vlfeat.org/applications/caltech-101-code.html",
        published="Caltech-101, 15 training images: 64 to 65 % mean over classes (read in the source)",
        differs="A grid of 4 pixels, for images of 128 as the config makes them, where the example has 3 for images of "
        "up to 480; sizes are those of whole patches, four bins wide.",
    ),
    "textons": Recipe(
        summary="What a bank of filters answers at a pixel, rotations joined, 200 words, counted",
        parts={
            "sampling": {"name": "dense", "stride": 2, "sizes": 9},  # whose sides filters do not read
            "descriptor": {"name": "filters", "bank": "mr8"},
            "codebook": {"name": "kmeans", "words": 200},
            "encoding": "hard",
            "pooling": {"name": "whole", "how": "mean"},
            "final": ["chi2"],
        },
        head=_AS_IS,
        source="M. Varma and A. Zisserman, A statistical approach to texture classification from single images, "
        "International Journal of Computer Vision 62 (2005)",
        url="https://doi.org/10.1007/s11263-005-4635-4",
        differs="One codebook of all classes together, in the place of ten textons a class; a linear classifier after "
        "a map of the χ² kernel, in the place of the nearest neighbour under it.",
    ),
}
