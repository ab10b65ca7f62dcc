"""The progression of diabetes, from ten measures of a patient: a small real regression, mostly noise."""

from typing import TYPE_CHECKING

from physai_inverse.trainers.tasks.tables import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DESCRIPTION = (
    "A fully connected network predicts the progression of diabetes within a year from ten measures of a "
    "patient (442 rows; a fixed split of 60, 20 and 20 % for training, validation and test, stratified by the "
    "target). One training takes about a second on one CPU core."
)
PHENOMENON = (
    "Noise that can only be fitted by heart: half of the variance cannot be explained, `train_loss` falls far "
    "below `val_loss`, and the best network is small, decayed or stopped early (`generalisation_gap`, "
    "`val_r2`)."
)
SOURCE = (
    "Efron, Hastie, Johnstone and Tibshirani 2004, Least Angle Regression, as in sklearn.datasets.load_diabetes"
)


def _read() -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    return X, y


TASK = Table("diabetes", _read, 10, 0).task(DESCRIPTION, SOURCE, PHENOMENON)
