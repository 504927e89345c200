"""The steps of training: Nesterov's momentum with rates by kind of weight, Muon for filters, lookahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from featbench.networks.recipe import Recipe, triangle

__all__ = ["Lookahead", "Muon", "Stepper", "orthogonalized"]

_PER_BATCH = 256  # images of the batch that a learning rate is told for
_MUON_MOMENTUM = 0.6
_LOOKAHEAD_EVERY, _LOOKAHEAD_DECAY = 5, 0.95**5


class Stepper:
    """The optimisers of a network, their rates following the recipe's triangle.

    Parameters
    ----------
    network : Module
    recipe : Recipe
    batch_size : int
        The rate of all but Muon grows in proportion.
    total : int
        Steps of the whole training.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, batch_size: int, total: int) -> None:
        self.recipe, self.total, self.done = recipe, total, 0
        rate = recipe.learning_rate * batch_size / _PER_BATCH
        biases, filters, others = _by_kind(network, muon=recipe.optimizer == "muon")
        groups = [
            {"params": biases, "lr": rate * recipe.bias_scale, "weight_decay": recipe.weight_decay / recipe.bias_scale},
            {"params": others, "lr": rate, "weight_decay": recipe.weight_decay},
        ]  # fmt: skip
        self.optimizers: list[torch.optim.Optimizer] = []
        if any(group["params"] for group in groups):
            self.optimizers.append(torch.optim.SGD(groups, momentum=recipe.momentum, nesterov=True))
        if filters:
            self.optimizers.append(Muon(filters, lr=recipe.filter_rate, momentum=_MUON_MOMENTUM))
        for group in self._groups():
            group["peak"] = group["lr"]
        self.lookahead = Lookahead(network) if recipe.lookahead else None

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self, loss: Tensor) -> None:
        """Take the gradient of a loss and step."""
        share = triangle(self.done / self.total, self.recipe.peak_at, self.recipe.end)
        for group in self._groups():
            group["lr"] = group["peak"] * share
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            optimizer.step()
        self.done += 1
        if self.lookahead is None:
            return
        if self.done % _LOOKAHEAD_EVERY == 0:
            self.lookahead.update(_LOOKAHEAD_DECAY * (self.done / self.total) ** 3)
        if self.done == self.total:
            self.lookahead.update(1.0)


def _by_kind(
    network: nn.Module, *, muon: bool
) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Return the biases of batch norms, the filters where Muon steps them, and all other weights that are learned."""
    biases = [
        module.bias
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.bias is not None
    ]
    known = {id(bias) for bias in biases}
    rest = [p for p in network.parameters() if p.requires_grad and id(p) not in known]
    filters = [p for p in rest if muon and p.ndim == 4]
    known |= {id(p) for p in filters}
    return [b for b in biases if b.requires_grad], filters, [p for p in rest if id(p) not in known]


class Lookahead:
    """A mean of the weights that the weights go back to.

    Parameters
    ----------
    network : Module
        Its state is written.

    References
    ----------
    M. Zhang, J. Lucas, G. Hinton, J. Ba, Lookahead optimizer: k steps forward, 1 step back, NeurIPS 2019; in the form
    of K. Jordan's airbench, arXiv:2404.00498
    """

    def __init__(self, network: nn.Module) -> None:
        self.fast = [t for t in network.state_dict().values() if t.is_floating_point()]
        self.slow = [t.clone() for t in self.fast]

    def update(self, decay: float) -> None:
        """Move the mean towards the weights, keeping the share `decay` of it, and the weights to the mean."""
        with torch.no_grad():
            for slow, fast in zip(self.slow, self.fast, strict=True):
                slow.lerp_(fast, 1 - decay)
                fast.copy_(slow)


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are orthogonalised, for filters; these keep the norm √(number of filters).

    Parameters
    ----------
    params : iterable of Parameter
        Each seen as a matrix of one row a filter.
    lr, momentum : float

    References
    ----------
    K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024,
    https://kellerjordan.github.io/posts/muon/
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002 - torch's signature
        """Step all filters that have a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                velocity = self.state[p].setdefault("velocity", torch.zeros_like(p.grad))
                velocity.mul_(group["momentum"]).add_(p.grad)
                ahead = p.grad.add(velocity, alpha=group["momentum"])
                p.mul_(len(p) ** 0.5 / p.norm())
                p.add_(orthogonalized(ahead.reshape(len(p), -1)).view(p.shape), alpha=-group["lr"])


def orthogonalized(matrix: Tensor, steps: int = 3) -> Tensor:
    """Return a matrix with the same singular vectors and singular values near 1, by Newton–Schulz iterations.

    Parameters
    ----------
    matrix : Tensor, (m, n)
    steps : int
        Of the quintic iteration whose slope at 0 is steep: values do not come to 1 exactly.

    Returns
    -------
    Tensor, (m, n)
        In the matrix's precision.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    X = matrix.T if tall else matrix
    X = X / (X.norm() + 1e-7)
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    orthogonal: Tensor = X.T if tall else X
    return orthogonal
