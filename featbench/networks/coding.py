"""A network that learns to draw again what it has seen, through a narrow code."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn

__all__ = ["AutoencoderOf"]

_WIDTHS = (32, 64)


@dataclass(frozen=True)
class AutoencoderOf:
    """What makes an autoencoder from the number of image channels, as an architecture does.

    Attributes
    ----------
    code : int
        Channels of the code, at an eighth of the resolution.
    """

    code: int

    def __call__(self, channels: int, classes: int) -> nn.Module:  # noqa: ARG002 - an architecture's signature
        """Return the network."""
        return _Autoencoder(channels, self.code)


class _Autoencoder(nn.Module):
    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        down: list[tuple[str, nn.Module]] = []
        up: list[tuple[str, nn.Module]] = []
        before = channels
        for i, width in enumerate(_WIDTHS):
            down.append((f"block{i + 1}", _shrunk(before, width)))
            up.insert(0, (f"block{i + 1}", _grown(width, before, last=i == 0)))
            before = width
        down.append(("code", nn.Conv2d(before, code, 3, stride=2, padding=1)))
        up.insert(0, (f"block{len(_WIDTHS) + 1}", _grown(code, before, last=False)))
        self.encoder, self.decoder = nn.Sequential(OrderedDict(down)), nn.Sequential(OrderedDict(up))

    def forward(self, x: Tensor) -> Tensor:
        drawn: Tensor = self.decoder(self.encoder(x))
        return drawn[..., : x.shape[2], : x.shape[3]]  # extents that 8 does not divide were rounded up


def _shrunk(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


def _grown(before: int, after: int, *, last: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1, bias=last)]
    return nn.Sequential(*layers) if last else nn.Sequential(*layers, nn.BatchNorm2d(after), nn.ReLU())
