"""A function in a process of its own: fresh, limited in time and memory, killed with all that it started.

The child is a new interpreter, not a fork: it has no threads, locks or memory of its parent's. Task and answer
travel through a pipe that both have from their start. Whatever becomes of the child, the parent gets an
`Outcome`; whatever becomes of the parent, the child ends with it, since a thread of the child's waits for the other
end of the pipe to close.
"""

from __future__ import annotations

from featbench.isolation.failures import FAILURES, Failure
from featbench.isolation.running import Outcome, run_in_child

__all__ = ["FAILURES", "Failure", "Outcome", "run_in_child"]
