"""Write the sections of docs/extractors.md from the docstrings: python docs/make_extractors.py.

What stands above the marker in that file is written by hand and stays; what stands below it is made anew.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from featbench.docstrings import read_docstring
from featbench.extractors import EXTRACTORS

PAGE = Path(__file__).with_name("extractors.md")
MARKER = "<!-- From here on made from the docstrings by docs/make_extractors.py; change those. -->\n"


def make_page(old: str) -> str:
    """Return the page with a section for every extractor of featbench's own."""
    introduction = old.split(MARKER)[0]
    names = [name for name, row in EXTRACTORS.rows().items() if row.distribution == "featbench"]
    return introduction + MARKER + "".join(_section(name) for name in names)


def _section(name: str) -> str:
    cls = EXTRACTORS.load(name)
    text = inspect.cleandoc(cls.__doc__ or "").replace("``", "`")
    description, *pieces = re.split(r"(?m)^([A-Z][A-Za-z ]+)\n-{3,}\n", text)
    sections = dict(zip(pieces[::2], pieces[1::2], strict=True))
    parts = [f"\n## `{name}` – {cls.__name__}\n", description, _parameters(cls, sections["Parameters"])]
    parts.append(sections.get("Notes", ""))
    if "References" in sections:
        parts.append("**From**\n\n" + sections["References"])
    if "Examples" in sections:
        parts.append("```pycon\n" + sections["Examples"].strip() + "\n```")
    return "\n".join(part.rstrip() + "\n" for part in parts if part.strip())


def _parameters(cls: type, text: str) -> str:
    """Return a table of the parameters, a row each."""
    rows = ["| parameter | | meaning |", "|---|---|---|"]
    kinds = dict(re.findall(r"(?m)^(\w+) : (.+)$", text))
    for parameter, meaning in read_docstring(cls).parameters.items():
        kind = kinds[parameter].replace("|", "\\|")
        rows.append(f"| `{parameter}` | {kind} | {meaning.replace('``', '`')} |")
    return "\n".join(rows)


if __name__ == "__main__":
    PAGE.write_text(make_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
