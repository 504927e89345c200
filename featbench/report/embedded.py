"""Images of a page, each embedded once, as many as the page can carry."""

from __future__ import annotations

import base64
import hashlib

__all__ = ["Images"]

BUDGET = 6_000_000
"""Bytes of all images of a page; in base64 they are a third more."""


class Images:
    """The images of a page, each once.

    Parameters
    ----------
    budget : int, optional
        Bytes; when they are spent, further images are left out.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._left, self._files = budget, dict[str, bytes]()

    def add(self, file: bytes | None) -> str | None:
        """Take an image in and return its key; None of none, and where the page can carry no more.

        Parameters
        ----------
        file : bytes or None
            WebP.

        Returns
        -------
        str or None
        """
        if file is None:
            return None
        key = hashlib.sha256(file).hexdigest()[:16]
        if key not in self._files:
            if len(file) > self._left:
                return None
            self._left -= len(file)
            self._files[key] = file
        return key

    def to_json(self) -> dict[str, str]:
        """Return the images in base64 by key."""
        return {key: base64.b64encode(file).decode() for key, file in self._files.items()}
