"""The scale on which the network sees values: the context's median at 0, its mean distance from it at 1.

A mean distance is never zero where values differ (a range between quartiles is, where most of them are equal),
and one wild value moves it less than a standard deviation.
"""

from dataclasses import dataclass

import numpy as np

AT_NORMAL = 1.2533141373155001
"""Standard deviation over mean distance from the median, of a normal: the root of pi / 2."""


@dataclass(frozen=True)
class Scale:
    """Centre and spread of each task.

    Args:
        centre: ``[b]``.
        spread: ``[b]`` 0 where the values do not differ.
    """

    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "Scale":
        """Measure values ``[b, n]``."""
        centre = np.median(values, axis=1)
        return cls(centre, AT_NORMAL * np.mean(np.abs(values - centre[:, None]), axis=1))

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Map values ``[b, n]`` to the scale."""
        return np.asarray((values - self.centre[:, None]) / self.spread[:, None])
