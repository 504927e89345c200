"""What a training tells while it goes on, to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Epoch", "listening", "tell"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the images that is done.

    Attributes
    ----------
    number, of : int
        From 1, and of how many.
    loss : float
        Mean over the pass.
    seconds_left : float
        If the rest goes on at this speed.
    """

    number: int
    of: int
    loss: float
    seconds_left: float

    def __str__(self) -> str:
        return f"epoch {self.number} of {self.of}, loss {self.loss:.3f}, {self.seconds_left:.0f} s left"


Listener = Callable[[Epoch], object]

_LISTENER: ContextVar[Listener | None] = ContextVar("who listens to trainings", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a function hear of every epoch of the trainings in this block and this thread.

    Examples
    --------
    >>> with listening(print):
    ...     tell(Epoch(3, 15, 0.71, 24.0))
    epoch 3 of 15, loss 0.710, 24 s left
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(epoch: Epoch) -> None:
    """Tell whoever listens."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(epoch)
