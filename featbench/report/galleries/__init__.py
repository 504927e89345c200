"""Galleries of a report: images with what is said of them, in JSON's types; the page shows them."""

from __future__ import annotations

from featbench.report.embedded import Images
from featbench.report.galleries.failing import missed_gallery, mistakes_gallery
from featbench.report.galleries.gallery import Gallery, Group, Shot
from featbench.report.galleries.looking import neighbours_gallery, occlusion_gallery, pictures_gallery
from featbench.report.seen import Seen

__all__ = ["Gallery", "Group", "Shot", "galleries_of"]


def galleries_of(seen: Seen, images: Images) -> dict[str, Gallery]:
    """Return the galleries of a data set by name; those that have nothing to show are left out.

    Parameters
    ----------
    seen : Seen
    images : Images
        Takes in what is shown; the first to ask are served first.

    Returns
    -------
    dict of str to Gallery
    """
    found = {
        "mistakes": mistakes_gallery(seen, images),
        "missed": missed_gallery(seen, images),
        "occlusion": occlusion_gallery(seen, images),
        "neighbours": neighbours_gallery(seen, images),
        "pictures": pictures_gallery(seen, images),
    }
    return {name: gallery for name, gallery in found.items() if gallery is not None}
