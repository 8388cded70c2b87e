"""Whether two npy files hold the same array. usage: same.py FILE FILE"""
import sys

import numpy as np

one, other = (np.load(path) for path in sys.argv[1:])
if one.dtype != other.dtype or not np.array_equal(one, other):
    sys.exit(f"expected the same array twice, got {one.dtype} {one} and {other.dtype} {other}")
