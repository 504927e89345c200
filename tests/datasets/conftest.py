"""Data sets that several tests look at, read once."""

import pytest

from featbench.datasets import Cifar10, Photos


@pytest.fixture(scope="session")
def photos():
    """The embedded photographs."""
    return Photos().load()


@pytest.fixture(scope="session")
def first_batch(cifar10_root):
    """The first training batch of the real CIFAR-10, and its test set."""
    return Cifar10(root=str(cifar10_root), max_train=10_000, download=False).load()
