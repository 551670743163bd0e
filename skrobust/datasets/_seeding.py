"""Where the generators get their random numbers."""

from numbers import Integral
from zlib import crc32

import numpy as np
from sklearn.utils import check_random_state


def generator(random_state, key):
    """Return a NumPy generator that depends on the seed and on what is made.

    With the key in the seed, two designs made from one integer share no draws.
    """
    if not isinstance(random_state, Integral):
        random_state = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return np.random.default_rng([int(random_state), crc32(key.encode())])
