"""What is costly to make, kept: entries that are whole or not there, named by what they are made of.

::

    ROOT/ab/ab12…/entry.json     what it was made of, what that cost, when and on which machine
    ROOT/ab/ab12…/*.npy          arrays
    ROOT/ab/ab12…/extractor/     a fitted plug-in, as `featbench.saved` writes it
    ROOT/ab/ab12…/SHA256SUMS     checksums of all these, as ``sha256sum -c`` reads them
    ROOT/.making-*               what is being written, or what a crash left of it
    ROOT/.damaged-*              what a checksum found wrong

An entry is written into a folder of its own and renamed whole, so that processes may share a cache: a reader never
sees half an entry, and of two writers the first wins. Nothing is pickled.
"""

from __future__ import annotations

from featbench.cache.entry import Entry
from featbench.cache.folder import Cache
from featbench.cache.places import cache_limit, cache_root, read_size, told_size
from featbench.cache.writing import Draft

__all__ = ["Cache", "Draft", "Entry", "cache_limit", "cache_root", "read_size", "told_size"]
