"""The loop that trains a network: epochs over images on a device, and what may go wrong in it."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from featbench.errors import FeatbenchError, InputError, Shown, must_be
from featbench.networks.augmenting import DeviceImages
from featbench.networks.losses import Loss
from featbench.networks.optimizing import Stepper
from featbench.networks.recipe import Recipe
from featbench.networks.telling import Epoch, tell
from featbench.numerics.torch_device import full_precision
from featbench.text import first_line
from featbench.types import AnyArray, ImageArray, Labels

__all__ = ["SmallerBatchWarning", "Trained", "train"]

# Steps between two looks at the loss: a look waits for the device, which a processor is anyway.
_LOOK = {"cpu": 1, "cuda": 16}

_TRIED = 8  # images that a network is tried on when it has learned


class SmallerBatchWarning(UserWarning):
    """A batch did not fit into the device's memory and was halved."""


@dataclass
class Trained:
    """What a training came to; the network holds its weights.

    Attributes
    ----------
    batch_size : int
        Images of a step.
    losses : list of float
        Mean over each finished epoch.
    interrupted : bool
        Whether it was broken off by Ctrl-C; the weights are then those of the finished epoch with the lowest loss.
    best : int
        That epoch, from 1; otherwise the last.
    """

    batch_size: int
    losses: list[float] = field(default_factory=list)
    interrupted: bool = False
    best: int = 0


def train(
    network: nn.Module,
    images: ImageArray,
    labels: Labels | None,
    moments: tuple[AnyArray, AnyArray],
    loss: Loss,
    recipe: Recipe,
    *,
    place: str,
    seed: int,
    precision: str,
    compiled: bool,
    where: str,
) -> Trained:
    """Train a network, which is moved to the device, in place.

    Parameters
    ----------
    network : Module
        With its first weights.
    images : ndarray of uint8, (n, h, w, c)
        They lie on the device as they are.
    labels : ndarray of int64, (n,), or None
        Class numbers, where the loss reads them.
    moments : tuple of ndarray of float32, (c,)
        Mean and standard deviation that pixels are normalised by.
    loss : callable
    recipe : Recipe
    place : {"cpu", "cuda"}
    seed : int
        The same seed gives the same weights on the same device and version of torch.
    precision : {"float32", "bfloat16"}
        Of products; the processor's are float32.
    compiled : bool
        Whether torch compiles the network, which takes a minute.
    where : str
        Who trains, for messages.

    Returns
    -------
    Trained

    Raises
    ------
    FeatbenchError
        The loss is no number any more; or one image is too many for the device's memory.
    InputError
        The network fails on a batch, such as a batch norm that gets one value a channel.
    KeyboardInterrupt
        Before the first epoch was over; later, what there is is kept.

    Warns
    -----
    SmallerBatchWarning
        The device's memory was too small: the batch was halved and the training began anew.
    """
    batch = max(1, min(recipe.batch_size, len(images)))
    first = _state(network)
    while True:
        training = _Training(network, loss, recipe, batch, place, precision, compiled, where)
        done = training.attempt(images, labels, moments, seed)
        if done is not None:
            return done
        del training
        if batch == 1:
            raise FeatbenchError(
                f"{where}: one image does not fit into the memory of {place}. Take a smaller network or images."
            )
        batch //= 2
        message = (
            f"{where}: a batch of {2 * batch} images did not fit into the memory of {place}; the training began anew "
            f"with {batch}. Set batch_size={batch} to spare the attempt."
        )
        warnings.warn(message, SmallerBatchWarning, stacklevel=2)
        network.load_state_dict(first)
        if place == "cuda":
            torch.cuda.empty_cache()


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


class _Training:
    """One attempt at a training, with batches of one size."""

    def __init__(
        self, network: nn.Module, loss: Loss, recipe: Recipe, batch: int, place: str, precision: str,
        compiled: bool, where: str,
    ) -> None:  # fmt: skip
        self.network, self.loss, self.recipe, self.place, self.where = network, loss, recipe, place, where
        self.precision, self.compiled = precision, compiled
        self.trained = Trained(batch)

    def attempt(
        self, images: ImageArray, labels: Labels | None, moments: tuple[AnyArray, AnyArray], seed: int
    ) -> Trained | None:
        """Train, or return None where the memory of the device is too small."""
        generator = torch.Generator(device=self.place).manual_seed(seed)
        devices = [torch.cuda.current_device()] if self.place == "cuda" else []
        # A module of somebody's own, such as dropout, draws from torch's own generator.
        with torch.random.fork_rng(devices=devices), _deterministic(self.place, self.precision):
            torch.manual_seed(seed)
            self._place(images, labels, moments, generator)
            try:
                self.network.to(device=self.place, memory_format=torch.channels_last)  # type: ignore[call-overload]
                self._run()
            except torch.OutOfMemoryError:
                return None
        return self.trained

    def _place(
        self, images: ImageArray, labels: Labels | None, moments: tuple[AnyArray, AnyArray],
        generator: torch.Generator,
    ) -> None:  # fmt: skip
        """Lay all images on the device, which a smaller batch would not make easier."""
        try:
            self.images = DeviceImages(images, *moments, self.recipe, self.place, generator)
            self.labels = None if labels is None else torch.tensor(labels, device=self.place)
        except torch.OutOfMemoryError as error:
            size = f"{len(images):,} images of {images.nbytes / 1e9:.1f} GB in all"
            raise FeatbenchError(
                f"{self.where}: the memory of {self.place} must hold all training images; got {size}. Take fewer or "
                "smaller images, or device='cpu'."
            ) from error

    def _run(self) -> None:
        # Rows that are left over at the end of an epoch are others in each.
        per_epoch = max(1, self.images.n // self.trained.batch_size)
        total = math.ceil(per_epoch * self.recipe.epochs)
        if not total:
            return
        self._hold_whitening(0)  # where an attempt before ended with its bias held, which is learned at first
        self.stepper = Stepper(self.network, self.recipe, self.trained.batch_size, total)
        self.model: Any = torch.compile(self.network) if self.compiled else self.network
        self.network.train()
        start, epochs, best = time.monotonic(), math.ceil(total / per_epoch), _state(self.network)
        try:
            for epoch in range(epochs):
                self.trained.losses.append(
                    self._epoch(epoch, epochs, min(per_epoch, total - self.stepper.done))
                )
                if self.trained.losses[-1] <= min(self.trained.losses):
                    best, self.trained.best = _state(self.network), epoch + 1
                left = (time.monotonic() - start) * (total / self.stepper.done - 1)
                tell(Epoch(epoch + 1, epochs, self.trained.losses[-1], left))
        except KeyboardInterrupt:
            if not self.trained.losses:
                raise
            self.trained.interrupted = True
            self.network.load_state_dict(best)
        else:
            self.trained.best = len(self.trained.losses)
        self.network.eval()
        self._check_learned(epochs)

    def _epoch(self, epoch: int, epochs: int, steps: int) -> float:
        """Step through the images in a random order; return the mean loss."""
        self._hold_whitening(epoch)
        order = torch.randperm(self.images.n, generator=self.images.generator, device=self.place)
        summed = torch.zeros((), device=self.place)
        for step in range(steps):
            rows = order[step * self.trained.batch_size : (step + 1) * self.trained.batch_size]
            loss = self._loss_of(rows, epoch)
            summed += loss.detach()
            if step % _LOOK[self.place] == 0 and not bool(torch.isfinite(summed)):
                raise self._diverged(epoch, epochs)
            self.stepper.step(loss)
        mean = float(summed) / steps
        if not math.isfinite(mean):
            raise self._diverged(epoch, epochs)
        return mean

    def _loss_of(self, rows: Tensor, epoch: int) -> Tensor:
        inputs = self.images.batch(rows, epoch)
        try:
            with _autocast(self.place, self.precision):
                outputs = self.model(inputs)
            loss = self.loss(outputs, inputs, None if self.labels is None else self.labels[rows])
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a network of somebody's own may fail in any way
            reason = f"{type(error).__name__}: {first_line(error)}"
            got = Shown(f"{tuple(inputs.shape)}, on which it fails ({reason})")
            too_few = "more than 1 value per channel" in reason  # of a batch norm
            remedy = "Take larger images or more of them." if too_few else ""
            constraint = "one that the network can learn from"
            raise InputError(must_be(self.where, "a batch (n, c, h, w)", constraint, got, remedy)) from error
        if not loss.requires_grad:
            got, remedy = Shown("one that does not"), "Let its parameters require gradients, or set epochs=0."
            raise InputError(must_be(self.where, "the loss", "one that follows from weights", got, remedy))
        return loss

    def _hold_whitening(self, epoch: int) -> None:
        """Let the bias of a whitening layer be learned, or hold it, as the epoch asks."""
        whitening = getattr(self.network, "whiten", None)
        if isinstance(whitening, nn.Conv2d) and whitening.bias is not None:
            whitening.bias.requires_grad = epoch < self.recipe.whitening_bias_epochs

    def _check_learned(self, epochs: int) -> None:
        """Refuse weights that the very last step made infinite, or so large that what they give is."""
        finite = all(bool(torch.isfinite(t).all()) for t in self.network.state_dict().values())
        with torch.no_grad():
            if not (finite and bool(torch.isfinite(self.network(self.images.plain(_TRIED))).all())):
                raise self._diverged(epochs - 1, epochs)

    def _diverged(self, epoch: int, epochs: int) -> FeatbenchError:
        return FeatbenchError(
            f"{self.where}: the loss is no number any more in epoch {epoch + 1} of {epochs}. Lower learning_rate, now "
            f"{self.recipe.learning_rate:g}, to a third or a tenth; or, on a GPU, take precision='float32'."
        )


def _autocast(place: str, precision: str) -> Any:
    """Let a GPU multiply in bfloat16; on the processor everything is float32."""
    if place == "cpu" or precision == "float32":
        return nullcontext()
    return torch.autocast(place, dtype=torch.bfloat16)


@contextmanager
def _deterministic(place: str, precision: str) -> Iterator[None]:
    """Let cuDNN take no sums whose order changes from run to run; multiply float32 without TF32 where that is asked."""
    if place == "cpu":
        yield
        return
    whole = full_precision(torch, place) if precision == "float32" else nullcontext()
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True), whole:
        yield
