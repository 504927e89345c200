"""Where an extractor computes, for those that have a choice."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Placement"]


@dataclass(frozen=True)
class Placement:
    """Where and how a network, or work on a GPU, runs in `transform`.

    Attributes
    ----------
    place : str
        ``"cpu"`` or ``"cuda"``.
    precision : str
        Of products, such as ``"float32"``.
    batch_size : int or None
        Images that are worked on at once; None where memory decides from case to case.
    """

    place: str
    precision: str
    batch_size: int | None
