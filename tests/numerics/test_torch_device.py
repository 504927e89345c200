"""Torch found, or said why not, and its precision kept."""

import sys

import pytest

from featbench.errors import InputError, MissingExtraError
from featbench.numerics.torch_device import full_precision, torch_for

torch = pytest.importorskip("torch")


@pytest.fixture
def tf32():
    """Let a test set how torch multiplies float32, and leave it as it was."""
    settings = torch.backends.cuda.matmul
    before = settings.fp32_precision
    yield settings
    settings.allow_tf32 = False
    settings.fp32_precision = before


@pytest.mark.parametrize(
    ("name", "value", "off"), [("allow_tf32", True, False), ("fp32_precision", "tf32", "ieee")]
)
def test_tf32_is_off_inside_and_as_it_was_outside(tf32, name, value, off):
    setattr(tf32, name, value)
    with full_precision(torch, "cpu"):
        assert getattr(tf32, name) == off
    assert getattr(tf32, name) == value
    with pytest.raises(ZeroDivisionError), full_precision(torch, "cpu"):
        raise ZeroDivisionError
    assert getattr(tf32, name) == value


def test_convolutions_are_without_tf32_inside_and_as_they_were_outside():
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=True, deterministic=True, allow_tf32=True):
        with full_precision(torch, "cpu"):
            assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.enabled) == (False, True, True)
        assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.enabled) == (True, True, True)


def test_settings_that_were_never_made_are_not_made(tf32):
    before = tf32.fp32_precision
    with full_precision(torch, "cpu"):
        pass
    assert tf32.fp32_precision == before
    torch.get_float32_matmul_precision()  # raises where older and newer settings are mixed


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"KNN: device=\"cuda\": needs torch.*featbench\[cnn\]"):
        torch_for("cuda", "KNN")


def test_a_device_that_torch_does_not_find(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        InputError, match=r"bovw: device must be .*finds no GPU here; got 'cuda'\. Use device=\"cpu\""
    ):
        torch_for("cuda", "bovw")
    assert torch_for("cpu", "bovw") is torch
