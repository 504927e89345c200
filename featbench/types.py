"""Names for the arrays that travel between the layers.

========================  =======  ==========================================
name                      dtype    shape
========================  =======  ==========================================
`ImageArray`              uint8    (n, h, w, 3) RGB or (n, h, w) grey
`FeatureMatrix`           float32  (n, d), C-contiguous, on the host
`Labels`                  int64    (n,), 0 to n_classes − 1
`Groups`                  int64    (n,), equal where images belong together
`Indices`                 int64    (m,), rows of one of the above
========================  =======  ==========================================
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

ImageArray: TypeAlias = NDArray[np.uint8]
FeatureMatrix: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]
Groups: TypeAlias = NDArray[np.int64]
Indices: TypeAlias = NDArray[np.int64]
Float64Array: TypeAlias = NDArray[np.float64]
AnyArray: TypeAlias = NDArray[Any]
