"""Three growers of wine, from a chemical analysis: the smallest real table of classes."""

from typing import TYPE_CHECKING

from physai_inverse.trainers.tasks.tables import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DESCRIPTION = (
    "A fully connected network tells three growers of wine apart by 13 measures of a chemical analysis (178 "
    "rows; a fixed stratified split of 60, 20 and 20 % for training, validation and test). One training takes "
    "less than a second on one CPU core."
)
PHENOMENON = (
    "How little data a task with clear classes needs, and how noisy a validation on 36 rows is: whole regions "
    "of knobs share one `val_accuracy`, and only `val_loss` tells them apart."
)
SOURCE = "Forina et al. 1988, PARVUS (UCI, Wine), as in sklearn.datasets.load_wine"


def _read() -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    return X, y


TASK = Table("wine", _read, 13, 3).task(DESCRIPTION, SOURCE, PHENOMENON)
