"""A network from its name or class, its layers by name, and the shapes that come out of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from featbench.errors import FeatbenchError, InputError, Shown, must_be, nearest
from featbench.networks import ARCHITECTURES
from featbench.networks.recipe import Recipe
from featbench.text import first_line

__all__ = [
    "OUTPUT",
    "Captured",
    "build",
    "check_layers",
    "check_named",
    "default_layer",
    "layer_shapes",
    "recipe_of",
]

_LARGEST = 512  # side of an image that an error still suggests

_INPUT = "input of "
OUTPUT = ""  # as torch's `named_modules` names the network itself


def build(architecture: Any, channels: int, classes: int, seed: int, where: str) -> nn.Module:
    """Return a network with its first weights.

    Parameters
    ----------
    architecture : str, callable or Module
        A registered name; what makes a network from the numbers of channels and classes; or a network, of which a
        copy is taken, weights and all. Weights become float32.
    channels, classes : int
    seed : int
        Draws the weights, without a trace in torch's own generator.
    where : str
        Who asks, for messages.

    Raises
    ------
    UnknownNameError, InputError
        No such architecture; something else than a network came of it.
    """
    if isinstance(architecture, nn.Module):
        return copy.deepcopy(_whole(architecture, where)).float()
    make: Callable[[int, int], Any] = _maker(architecture, where)
    constraint = "what makes a torch.nn.Module from the numbers of channels and classes"
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            network = make(channels, classes)
        except FeatbenchError:
            raise
        except Exception as error:  # somebody's own function may fail in any way
            got = Shown(
                f"one that fails on ({channels}, {classes}) ({type(error).__name__}: {first_line(error)})"
            )
            raise InputError(must_be(where, "architecture", constraint, got)) from error
    if not isinstance(network, nn.Module):
        raise InputError(must_be(where, "architecture", constraint, Shown(type(network).__name__)))
    return _whole(network, where).float()


def _whole(network: nn.Module, where: str) -> nn.Module:
    """Refuse a network whose weights have no shapes yet: there would be nothing to save or to begin from."""
    if any(is_lazy(tensor) for tensor in (*network.parameters(), *network.buffers())):
        constraint = "made of layers whose sizes are given"
        remedy = "Write nn.Linear(512, classes) in the place of nn.LazyLinear(classes)."
        raise InputError(must_be(where, "architecture", constraint, Shown("lazy ones"), remedy))
    return network


def recipe_of(architecture: Any, where: str) -> Recipe:
    """Return the recipe that an architecture brings, or the plain one."""
    made = architecture if isinstance(architecture, nn.Module) else _maker(architecture, where)
    recipe = getattr(made, "recipe", None)
    return recipe if isinstance(recipe, Recipe) else Recipe()


def _maker(architecture: Any, where: str) -> Callable[[int, int], Any]:
    if isinstance(architecture, str):
        return ARCHITECTURES.load(architecture, f"{where}: architecture")
    if not callable(architecture):
        constraint = "a name, a torch.nn.Module, or what makes one from the numbers of channels and classes"
        raise InputError(must_be(where, "architecture", constraint, architecture))
    made: Callable[[int, int], Any] = architecture
    return made


def check_layers(network: nn.Module, layers: Sequence[str], where: str) -> None:
    """Refuse names that are no layers, with those that are.

    Raises
    ------
    InputError
    """
    known = [name for name, _ in network.named_modules() if name]
    for layer in layers:
        if layer not in (*known, OUTPUT):
            suggestion = nearest(layer, known)
            hint = f"Did you mean {suggestion!r}? " if suggestion else ""
            raise InputError(f"{where}: no layer {layer!r}. {hint}{_listed(known)}")


def default_layer(network: nn.Module, where: str) -> str:
    """Return the last linear layer, what goes into which are the features; see `Captured`.

    Raises
    ------
    InputError
        There is none.
    """
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        known = [name for name, _ in network.named_modules() if name]
        constraint = "named where a network has no linear layer"
        raise InputError(must_be(where, "layers", constraint, None, _listed(known)))
    return str(linear[-1])


def _listed(layers: Sequence[str]) -> str:
    return f"Layers: {', '.join(layers)}." if layers else "It is a single layer; '' names what it gives."


class Captured:
    """What comes out of some layers when a network runs.

    Parameters
    ----------
    network : Module
    layers : sequence of str
        Names as `check_layers` admits; ``"input of X"`` is what goes into X, `OUTPUT` what the network gives.
    reduce : callable, optional
        What becomes of an output at once, so that no large one is kept; it copies what it keeps.
    """

    def __init__(
        self, network: nn.Module, layers: Sequence[str], reduce: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        self.network, self.layers, self.reduce = network, layers, reduce

    @contextmanager
    def _listening(self, found: dict[str, Any]) -> Iterator[None]:
        modules = dict(self.network.named_modules())
        handles = []
        for layer in self.layers:
            module = modules[layer.removeprefix(_INPUT)]

            def after(_module: nn.Module, inputs: Any, output: Any, layer: str = layer) -> None:
                value = inputs[0] if layer.startswith(_INPUT) else output
                found[layer] = value if self.reduce is None else self.reduce(value)

            handles.append(module.register_forward_hook(after))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Run the network and return what becomes of each layer's output, in the order of `layers`."""
        found: dict[str, Any] = {}
        with self._listening(found):
            self.network(images)
        return [found[layer] for layer in self.layers]


def layer_shapes(
    architecture: Any, shape: tuple[int, ...], classes: int, layers: tuple[str, ...] | None, where: str
) -> dict[str, tuple[int, ...]]:
    """Return the shapes ``(c, h, w)`` or ``(c,)`` that come out of layers for images of one shape.

    Nothing is computed: the network has no weights (torch's device ``meta``).

    Parameters
    ----------
    architecture : str, callable or Module
    shape : tuple of int
        ``(h, w, 3)`` or ``(h, w)``.
    classes : int
    layers : tuple of str or None
        None is what goes into the last linear layer.
    where : str
        Who asks, for messages.

    Raises
    ------
    UnknownNameError, InputError
        No such architecture or layer, images that are too small, a layer whose output is no tensor of 2 or 4 axes.
    """
    kept = _kept_shapes if _never_changes(architecture) else _shapes
    return kept(architecture, shape, classes, layers, where)


def _never_changes(architecture: Any) -> bool:
    """Tell whether what an architecture makes can be remembered: a network in hand may change, or have no hash."""
    if isinstance(architecture, nn.Module):
        return False
    try:
        hash(architecture)
    except TypeError:
        return False
    return True


def _shapes(
    architecture: Any, shape: tuple[int, ...], classes: int, layers: tuple[str, ...] | None, where: str
) -> dict[str, tuple[int, ...]]:
    channels = shape[2] if len(shape) == 3 else 1
    with torch.device("meta"):
        network = build(architecture, channels, classes, 0, where).to("meta").eval()
    if layers is None:
        layers = (_INPUT + default_layer(network, where),)
    check_layers(network, [layer.removeprefix(_INPUT) for layer in layers], where)
    capture = Captured(network, layers)
    try:
        outputs = capture(_blank(channels, *shape[:2]))
    except Exception as error:
        raise InputError(_too_small(capture, channels, shape, where, error)) from error
    found = {}
    for layer, output in zip(layers, outputs, strict=True):
        if not isinstance(output, Tensor) or output.ndim not in (2, 4):
            got = Shown(f"{type(output).__name__} {tuple(getattr(output, 'shape', ()))}")
            what = f"the output of {layer or 'the network'}"
            raise InputError(must_be(where, what, "(n, c, h, w) or (n, c)", got))
        found[layer] = tuple(output.shape[1:])
    return found


_kept_shapes = lru_cache(maxsize=64)(_shapes)


def _blank(channels: int, height: int, width: int) -> Tensor:
    return torch.empty(1, channels, height, width, device="meta")


def _too_small(capture: Captured, channels: int, shape: tuple[int, ...], where: str, error: Exception) -> str:
    """Say how large images must be, or what the network said where no larger ones would do."""
    for side in range(min(shape[:2]), _LARGEST):
        try:
            capture(_blank(channels, max(side, shape[0]), max(side, shape[1])))
        except Exception:  # noqa: S112 - too small as well
            continue
        constraint = f"at least {side} × {side} pixels for all layers of the network"
        return must_be(where, "images", constraint, Shown(f"{shape[0]} × {shape[1]}"), "Enlarge them.")
    return f"{where}: the network cannot take images of shape {shape} ({type(error).__name__}: {error})."


def check_named(architecture: Any, layers: tuple[str, ...] | None, where: str, where_layers: str) -> None:
    """Refuse an architecture or layers that are not there, before any image is seen.

    Raises
    ------
    UnknownNameError, InputError
    """
    with torch.device("meta"):
        network = build(architecture, 3, 2, 0, where)
    if layers is None:
        default_layer(network, where_layers)
    else:
        check_layers(network, [layer.removeprefix(_INPUT) for layer in layers], where_layers)
