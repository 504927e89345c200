"""``python -m featbench`` is ``featbench``."""

from featbench.cli import main

main()
