"""What a result was made by: the machine, the versions, the threads, the code."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import featbench
from featbench.numerics.threads import n_threads

__all__ = ["code_fingerprint", "cpu", "describe", "opencv_conflict", "source_fingerprint", "versions"]

_RECORDED = (
    "numpy", "scipy", "scikit-learn", "scikit-image", "opencv-python-headless", "Pillow", "numba", "pandas",
    "torch", "torchvision", "timm", "onnxruntime",
)  # fmt: skip
_OPENCV = (
    "opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python, featbench and the libraries whose arithmetic enters a result."""
    found = {"python": platform.python_version(), "featbench": featbench.__version__}
    for name in _RECORDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def code_fingerprint() -> str:
    """Return a hash of every source file of the package: another code, another fingerprint."""
    root = Path(featbench.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def source_fingerprint(cls: type[Any]) -> str:
    """Return a hash of the file that a foreign plug-in's class is written in; empty for featbench's own.

    Those are in `code_fingerprint`.
    """
    if cls.__module__.startswith("featbench."):
        return ""
    try:
        return hashlib.sha256(Path(inspect.getfile(cls)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return "unknown"


@cache
def _commit() -> str | None:
    """Return the commit of the checkout that the package runs from, with ``+`` where it was changed."""
    root = Path(featbench.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head[:12] + ("+" if _git(root, "status", "--porcelain", "--", "featbench") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603


@cache
def cpu() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def opencv_conflict() -> str | None:
    """Return what is wrong and how to repair it where several OpenCV distributions share one ``cv2``."""
    found = []
    for name in _OPENCV:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if len(found) < 2:
        return None
    others = " ".join(f.split()[0] for f in found)
    return (
        f"{len(found)} OpenCV distributions write into the same folder cv2, and the one installed last "
        f"shadows the rest: {', '.join(found)}. Repair: pip uninstall -y {others} && "
        "pip install opencv-python-headless"
    )


def describe() -> dict[str, Any]:
    """Return the machine, the versions, the threads and the code, in JSON's types."""
    import psutil
    from threadpoolctl import threadpool_info

    pools = {
        f"{p['internal_api']} {p.get('version') or ''}".strip(): p["num_threads"] for p in threadpool_info()
    }
    return {
        "cpu": cpu(),
        "cores": n_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": versions(),
        "threads": {"kernels": n_threads(), **pools},
        "commit": _commit(),
        "code": code_fingerprint(),
        "executable": Path(sys.executable).name,
    }


def n_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
