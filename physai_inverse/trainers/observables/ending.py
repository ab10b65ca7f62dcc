"""What is known of a training at its end, for observables that look at curves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from physai_inverse.observations import Curve, Measurement

Found: TypeAlias = float | Measurement | None

TRAIN_LOSSES = ("train_loss", "loss")
TEST_LOSSES = ("test_loss", "val_loss", "loss", "train_loss")
TRAIN_ACCURACIES = ("train_accuracy",)
TEST_ACCURACIES = ("test_accuracy", "val_accuracy")


@dataclass(frozen=True)
class Ending:
    """A training at its end.

    Args:
        curves: by name.
        steps: of the training.
        seconds: that it took.
        parameters: number of them.
        flops: of a step; 0 where they are not known.
        floor: the least loss that can be reached; None where it is not known.
    """

    curves: Mapping[str, Curve]
    steps: int = 0
    seconds: float = 0.0
    parameters: int = 0
    flops: float = 0.0
    floor: float | None = None

    def curve(self, names: tuple[str, ...]) -> Curve:
        """Give the first curve that is there.

        Raises:
            LookupError: there is none.
        """
        for name in names:
            if name in self.curves:
                return self.curves[name]
        raise LookupError(f"there is no curve {' or '.join(f'`{name}`' for name in names)}")

    @property
    def train_loss(self) -> Curve:
        """The loss on training data."""
        return self.curve(TRAIN_LOSSES)

    @property
    def test_loss(self) -> Curve:
        """The loss by which the model is judged: on other data where there is one."""
        return self.curve(TEST_LOSSES)

    @property
    def train_accuracy(self) -> Curve:
        """The accuracy on training data."""
        return self.curve(TRAIN_ACCURACIES)

    @property
    def test_accuracy(self) -> Curve:
        """The accuracy on other data."""
        return self.curve(TEST_ACCURACIES)


def curve_needs(names: "set[str] | frozenset[str]") -> set[str]:
    """Say which needs curves of these names meet."""
    met = set()
    for need, wanted in (
        ("train_loss", TRAIN_LOSSES),
        ("test_loss", TEST_LOSSES),
        ("train_accuracy", TRAIN_ACCURACIES),
        ("test_accuracy", TEST_ACCURACIES),
    ):
        if names & set(wanted):
            met.add(need)
    if names & {"train_loss", "loss"} and names & {"test_loss", "val_loss"}:
        met.add("gap")
    return met
