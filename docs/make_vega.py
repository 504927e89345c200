"""Make ``featbench/report/assets/vega.js`` anew: ``pip install vl-convert-python==1.9.0.post1``, then this."""

from __future__ import annotations

from pathlib import Path

import vl_convert

VEGA_LITE = "6.4"
ASSETS = Path(__file__).parents[1] / "featbench" / "report" / "assets"


def main() -> None:
    """Write the bundle, Vega, Vega-Lite and Vega-Embed as globals of the page, behind the licences of its parts."""
    licences = (ASSETS / "vega.licenses.txt").read_text(encoding="utf-8")
    bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)
    (ASSETS / "vega.js").write_text(f"/*!\n{licences}*/\n{bundle}", encoding="utf-8")


if __name__ == "__main__":
    main()
