"""Benign or malignant, from thirty measures of cell nuclei: a small real table of two classes."""

from typing import TYPE_CHECKING

from physai_inverse.trainers.tasks.tables import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DESCRIPTION = (
    "A fully connected network tells benign from malignant tumours by 30 measures of cell nuclei (569 rows; a "
    "fixed stratified split of 60, 20 and 20 % for training, validation and test). One training takes about a "
    "second on one CPU core."
)
PHENOMENON = (
    "Over-fitting of a small table: `val_loss` has its least value early and rises again, the more the wider "
    "the network and the weaker `weight_decay` and `dropout`, while `val_accuracy` hardly moves."
)
SOURCE = (
    "Street, Wolberg and Mangasarian 1993 (UCI, Wisconsin Diagnostic), as in sklearn.datasets.load_breast_cancer"
)


def _read() -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X, y


TASK = Table("breast_cancer", _read, 30, 2).task(DESCRIPTION, SOURCE, PHENOMENON)
