"""Time OpenCV 4's HOG in its own environment; called by opencv4.py, imports nothing of featbench."""

import json
import sys
import time

import cv2
import numpy as np


def main(file: str) -> None:
    """Print OpenCV's version and the seconds an image, as JSON."""
    cv2.setNumThreads(1)
    images = np.load(file)
    n, height, width = images.shape[:3]
    hog = cv2.HOGDescriptor((width, height), (16, 16), (8, 8), (8, 8), 9)
    seconds = float("inf")
    for _ in range(7):
        start = time.perf_counter()
        for image in images:
            hog.compute(image)
        seconds = min(seconds, (time.perf_counter() - start) / n)
    print(json.dumps({"version": cv2.__version__, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1])
