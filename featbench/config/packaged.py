"""The configs that travel with the package."""

from __future__ import annotations

from pathlib import Path

import featbench

__all__ = ["packaged_configs"]


def packaged_configs() -> dict[str, Path]:
    """Return every packaged config by name, such as ``cifar10/compare``.

    They lie in the package of an installed wheel, and at the top of a checkout, where an editable install
    finds them.
    """
    package = Path(featbench.__file__).resolve().parent
    for root in (package / "configs", package.parent / "configs"):
        if root.is_dir():
            return {p.relative_to(root).with_suffix("").as_posix(): p for p in sorted(root.rglob("*.yaml"))}
    return {}
