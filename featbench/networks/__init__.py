"""Networks: what extractors that learn features are made of, and how they are trained.

The modules beside this one need torch, the extra ``cnn``, and are imported where it is needed; what is here is not.
An architecture is a class of modules, made from the numbers of channels and of classes: ``Small(3, 10)``. Others
register theirs under the entry-point group ``featbench.networks``.
"""

from __future__ import annotations

from featbench.plugins import PluginTable

__all__ = ["ARCHITECTURES"]

ARCHITECTURES = PluginTable(
    "network",
    {
        "small": "featbench.networks.small:Small",
        "resnet9": "featbench.networks.residual:ResNet9",
        "resnet18": "featbench.networks.residual:ResNet18",
        "airbench": "featbench.networks.airbench:Airbench",
        "airbench96": "featbench.networks.airbench:Airbench96",
    },
)
