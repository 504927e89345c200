"""Torch where it is wanted: found, on a device, and in full precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from featbench.errors import InputError, MissingExtraError, must_be

__all__ = ["full_precision", "place_for", "torch_for"]


def torch_for(device: str, where: str) -> Any:
    """Return torch if it can compute on a device.

    Parameters
    ----------
    device : str
        ``"cuda"`` or ``"cpu"``, as torch names them.
    where : str
        Who asks; begins the message.

    Raises
    ------
    MissingExtraError
        torch is not installed.
    InputError
        torch finds no GPU.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(f'{where}: device="{device}"', "torch", "cnn") from error
    if device == "cuda" and not torch.cuda.is_available():
        constraint = f"one that torch can use, and torch {torch.__version__} finds no GPU here"
        remedy = 'Use device="cpu", which gives the same results, or a build of torch for your GPU.'
        raise InputError(must_be(where, "device", constraint, device, remedy))
    return torch


def place_for(device: str, where: str) -> str:
    """Return the device that torch will compute on: for ``"auto"`` a GPU where there is one.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
    where : str
        Who asks; begins the message.

    Raises
    ------
    MissingExtraError, InputError
        As `torch_for`.
    """
    torch = torch_for("cpu" if device == "auto" else device, where)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


@contextmanager
def full_precision(torch: Any, device: str) -> Iterator[None]:
    """Keep TF32 and autocast, which round factors to 11 bits or fewer, out of products and convolutions.

    torch's settings are restored.
    """
    settings = torch.backends.cuda.matmul
    name: str
    exact: bool | str
    try:
        name, exact, before = "allow_tf32", False, settings.allow_tf32
    except RuntimeError:  # set by the newer name, which the older one then refuses to read
        name, exact, before = "fp32_precision", "ieee", settings.fp32_precision
    if before != exact:  # torch tells what is set from what was never set, so nothing is set in vain
        setattr(settings, name, exact)
    cudnn = torch.backends.cudnn
    kept = {key: getattr(cudnn, key) for key in ("enabled", "benchmark", "deterministic")}
    try:
        with cudnn.flags(**kept, allow_tf32=False), torch.autocast(device, enabled=False):
            yield
    finally:
        if before != exact:
            setattr(settings, name, before)
