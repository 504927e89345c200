"""Extractors: images in, one float32 row an image out.

Adding one takes three files: the module beside this one, its row in the table below, and its test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featbench.plugins import PluginTable

if TYPE_CHECKING:
    from featbench.extractors.autoencoder import Autoencoder
    from featbench.extractors.cnn import CNN
    from featbench.extractors.color import HueHistogram
    from featbench.extractors.color_histogram import ColorHistogram
    from featbench.extractors.color_moments import ColorMoments
    from featbench.extractors.concat import Concat
    from featbench.extractors.filter_bank import FilterBank
    from featbench.extractors.gist import GIST
    from featbench.extractors.gram import Gram
    from featbench.extractors.hog import HOG
    from featbench.extractors.lbp import LBP
    from featbench.extractors.mapped import Mapped
    from featbench.extractors.onnx import ONNX
    from featbench.extractors.pretrained import Pretrained
    from featbench.extractors.random_cnn import RandomCNN
    from featbench.extractors.raw import RawPixels
    from featbench.extractors.sift import SIFT
    from featbench.words.bovw import BagOfVisualWords

__all__ = [
    "CNN",
    "EXTRACTORS",
    "GIST",
    "HOG",
    "LBP",
    "ONNX",
    "SIFT",
    "Autoencoder",
    "BagOfVisualWords",
    "ColorHistogram",
    "ColorMoments",
    "Concat",
    "FilterBank",
    "Gram",
    "HueHistogram",
    "Mapped",
    "Pretrained",
    "RandomCNN",
    "RawPixels",
]

EXTRACTORS = PluginTable(
    "extractor",
    {
        "raw": "featbench.extractors.raw:RawPixels",
        "hue": "featbench.extractors.color:HueHistogram",
        "color_histogram": "featbench.extractors.color_histogram:ColorHistogram",
        "color_moments": "featbench.extractors.color_moments:ColorMoments",
        "hog": "featbench.extractors.hog:HOG",
        "lbp": "featbench.extractors.lbp:LBP",
        "sift": "featbench.extractors.sift:SIFT",
        "gist": "featbench.extractors.gist:GIST",
        "filter_bank": "featbench.extractors.filter_bank:FilterBank",
        "bovw": "featbench.words.bovw:BagOfVisualWords",
        "onnx": "featbench.extractors.onnx:ONNX",
        "pretrained": "featbench.extractors.pretrained:Pretrained",
        "cnn": "featbench.extractors.cnn:CNN",
        "random_cnn": "featbench.extractors.random_cnn:RandomCNN",
        "autoencoder": "featbench.extractors.autoencoder:Autoencoder",
        "gram": "featbench.extractors.gram:Gram",
        "concat": "featbench.extractors.concat:Concat",
        "mapped": "featbench.extractors.mapped:Mapped",
    },
)


def __getattr__(name: str) -> Any:
    return EXTRACTORS.own_class(name)
