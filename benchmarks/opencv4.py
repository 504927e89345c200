"""OpenCV 4 in an environment of its own: version 5, which featbench may have beside it, has no HOG."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import platformdirs

from featbench.types import ImageArray

__all__ = ["opencv4_hog"]

_REQUIREMENTS = ("opencv-python-headless<5", "numpy")
_PATIENCE = 300  # seconds


def opencv4_hog(images: ImageArray) -> tuple[str, float | None]:
    """Time OpenCV 4's ``HOGDescriptor`` on one core.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)

    Returns
    -------
    name : str
        ``OpenCV`` and its version, or why it cannot be had.
    seconds : float or None
        An image; the shortest of several runs over all of them.
    """
    try:
        python = _environment()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "images.npy"
            np.save(file, images)
            worker = Path(__file__).with_name("opencv4_worker.py")
            answer = json.loads(_run([str(python), str(worker), str(file)]))
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", None) or str(error)
        return f"OpenCV 4: {output.strip().splitlines()[-1][:60]}", None
    return f"OpenCV {answer['version']}", answer["seconds"]


def _environment() -> Path:
    """Return the interpreter that has OpenCV 4, after making its environment where there is none."""
    folder = platformdirs.user_cache_path("featbench") / "benchmarks" / "opencv4"
    done, python = folder / "complete", folder / "bin" / "python"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(python), "-m", "pip", "install", "--quiet", *_REQUIREMENTS])
        done.touch()
    return python


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
    return done.stdout
