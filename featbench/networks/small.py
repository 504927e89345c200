"""A network that a processor trains in a minute."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import nn

from featbench.networks.recipe import Recipe

__all__ = ["Small"]

_WIDTHS = (32, 64, 128)


class Small(nn.Sequential):
    """Three convolutions, each followed by max pooling, batch norm and ReLU; one more; a linear classifier.

    242,474 weights for three channels and ten classes.
    Pooling comes before batch norm, which then has a quarter of the work.

    Parameters
    ----------
    channels, classes : int
    """

    recipe: ClassVar[Recipe] = Recipe(epochs=15, batch_size=128, learning_rate=0.2, weight_decay=1e-3)

    def __init__(self, channels: int, classes: int) -> None:
        layers: list[tuple[str, nn.Module]] = []
        before = channels
        for i, width in enumerate(_WIDTHS):
            layers.append((f"block{i + 1}", _block(before, width, pooled=True)))
            before = width
        layers.append(("block4", _block(before, before, pooled=False)))
        layers += [("pool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten())]
        layers.append(("head", nn.Linear(before, classes)))
        super().__init__(OrderedDict(layers))


def _block(before: int, after: int, *, pooled: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(before, after, 3, padding=1, bias=False)]
    if pooled:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(after), nn.ReLU())
