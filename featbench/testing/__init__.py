"""The laws of the plug-ins as runnable checks, for the project's own and for everybody else's.

::

    from featbench.testing import check_extractor

    def test_mine():
        check_extractor(MyExtractor())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from featbench.testing.classifiers import check_classifier
    from featbench.testing.extractors import check_extractor
    from featbench.testing.maps import check_map

__all__ = ["check_classifier", "check_extractor", "check_map"]


def __getattr__(name: str) -> Any:
    if name == "check_classifier":
        from featbench.testing.classifiers import check_classifier

        return check_classifier
    if name == "check_extractor":
        from featbench.testing.extractors import check_extractor

        return check_extractor
    if name == "check_map":
        from featbench.testing.maps import check_map

        return check_map
    raise AttributeError(f"module 'featbench.testing' has no attribute {name!r}")
