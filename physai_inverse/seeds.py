"""One integer seed to named, independent streams, so that no draw depends on what was drawn elsewhere.

`child(seed, "proposals", 7)` is the same number on every machine and in every process; a different
name or index gives an unrelated one. No global stream is read or set.
"""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def child(seed: int, *path: str | int) -> int:
    """Derive the seed of a named stream.

    Args:
        seed: the parent seed.
        path: names and indices, for example `"proposals", 7`.

    Returns:
        An integer in [0, 2**63), the first 63 bits of BLAKE2b over seed and path.
    """
    text = "\x1f".join([str(int(seed)), *(f"{type(part).__name__}:{part}" for part in path)])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, *path: str | int) -> "np.random.Generator":
    """Give a numpy generator for a named stream; see `child`."""
    import numpy as np

    return np.random.default_rng(child(seed, *path))
