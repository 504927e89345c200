"""The contracts: what an extractor and a classifier are, and what each may offer beyond the minimum.

All plug-ins are scikit-learn estimators and keyword-only dataclasses::

    @dataclass(kw_only=True, eq=False, repr=False)
    class Brightness(Extractor):
        levels: Annotated[int, Bounds(ge=2)] = 8

        def _n_features(self, shape): ...
        def _extract(self, images): ...

The laws that every one of them keeps are run by `featbench.testing.check_extractor` and
`featbench.testing.check_classifier`.
"""

from __future__ import annotations

from featbench.base.classifier import Classifier, Fold
from featbench.base.cost import Cost, product_cost
from featbench.base.extractor import Extractor
from featbench.base.feature_map import FeatureMap, check_rows

__all__ = ["Classifier", "Cost", "Extractor", "FeatureMap", "Fold", "check_rows", "product_cost"]
