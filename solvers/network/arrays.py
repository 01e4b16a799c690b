"""Array types and constants that all solvers on arrays share: packet kinds, packet modes, the least arc weight."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DATA, MODEL = 0, 1
BOTH, DATA_ONLY, MODEL_ONLY = "both", "data", "model"
SMALLEST_S = 1e-14
"""Least weight of an arc in a search: SciPy's sparse graphs drop zeros. It is subtracted from nothing: bounds stay
below true costs because a path's weight is only ever raised by it on arcs of true weight zero, by < 1e-11 in all."""
