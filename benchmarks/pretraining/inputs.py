"""Random tables of configurations, encoded as the package encodes them.

Numbers may have levels (grids, whole numbers) and lie evenly or bunched (as a search leaves them); categories
become one column a value; shares of a mixture add up to one; parameters may be inactive, and then rest.
"""

from dataclasses import dataclass

import numpy as np

from physai_inverse.surrogates.prior_fitted.hints import MAX_COLUMNS

MAX_PARAMETERS = 20
HALF_ROOT = float(np.sqrt(0.5))
"""A value of a category in its column: two values lie at distance one (`space.features`)."""


@dataclass(frozen=True)
class Inputs:
    """Rows of configurations.

    Args:
        columns: ``[n, f]`` as a model sees them.
        groups: ``[f]`` the parameter of each column.
        units: ``[n, p]`` numbers in [0, 1]; for a category the number of its value.
        categories: parameter to how many values it has.
    """

    columns: np.ndarray
    groups: np.ndarray
    units: np.ndarray
    categories: dict[int, int]

    def effective(self, random: np.random.Generator) -> np.ndarray:
        """Give ``[n, p]`` numbers in [0, 1]: each value of a category at a random place."""
        if not self.categories:
            return self.units
        units = self.units.copy()
        for parameter, number in self.categories.items():
            units[:, parameter] = random.random(number)[units[:, parameter].astype(int)]
        return units


def draw_inputs(random: np.random.Generator, num: int) -> Inputs:
    """Draw a space and `num` of its configurations."""
    if random.random() < 0.06:
        return _shares(random, num)
    count = min(int(np.exp(random.uniform(np.log(1.0), np.log(MAX_PARAMETERS + 1.0)))), MAX_PARAMETERS)
    units = random.random((num, count))
    if random.random() < 0.2:
        units = _bunched(random, units)
    levelled, categorical = random.choice([0.0, 0.3, 0.9]), random.choice([0.0, 0.0, 0.3, 0.8])
    kinds = random.random((count, 2))
    columns, groups, categories = [], [], {}
    room = MAX_COLUMNS
    for parameter in range(count):
        left = count - parameter - 1
        values = int(random.integers(2, 6))
        if kinds[parameter, 0] < categorical and room - values >= left:
            places = np.minimum((units[:, parameter] * values).astype(int), values - 1)
            units[:, parameter] = places
            if values == 2 and random.random() < 0.5:
                columns.append(places[:, None].astype(float))  # true or false
            else:
                columns.append((places[:, None] == np.arange(values)) * HALF_ROOT)
            categories[parameter] = values
        elif kinds[parameter, 1] < levelled:
            steps = int(np.exp(random.uniform(np.log(2.0), np.log(12.0)))) - 1 or 1
            units[:, parameter] = np.minimum(np.floor(units[:, parameter] * (steps + 1)), steps) / steps
            columns.append(units[:, parameter : parameter + 1])
        else:
            columns.append(units[:, parameter : parameter + 1])
        groups += [parameter] * columns[-1].shape[1]
        room -= columns[-1].shape[1]
    if categories and random.random() < 0.5:
        _rest(random, units, columns, categories)
    return Inputs(np.concatenate(columns, axis=1), np.array(groups), units, categories)


def _shares(random: np.random.Generator, num: int) -> Inputs:
    count = int(random.integers(3, MAX_PARAMETERS + 1))
    parts = random.gamma(
        np.exp(random.uniform(-1.5, 0.7)) * random.dirichlet(np.ones(count)) * count, 1.0, (num, count)
    )
    units = (parts + 1e-12) / (parts + 1e-12).sum(axis=1, keepdims=True)
    units[units < 0.005] = 0.0
    return Inputs(units, np.arange(count), units, {})


def _bunched(random: np.random.Generator, units: np.ndarray) -> np.ndarray:
    """Move most rows near a few centres."""
    centres = random.random((int(random.integers(1, 4)), units.shape[1]))
    near = centres[random.integers(0, len(centres), len(units))]
    moved = near + random.uniform(0.03, 0.3) * random.standard_normal(units.shape)
    return np.where(random.random((len(units), 1)) < random.uniform(0.3, 0.9), np.clip(moved, 0.0, 1.0), units)


def _rest(
    random: np.random.Generator, units: np.ndarray, columns: list[np.ndarray], categories: dict[int, int]
) -> None:
    """Let some numbers rest where a category does not want them; changes `units` and `columns`."""
    parent = int(random.choice(list(categories)))
    values = categories[parent]
    for parameter in range(units.shape[1]):
        if parameter not in categories and random.random() < 0.4:
            wanted = random.random(values) < 0.5
            resting = ~wanted[units[:, parent].astype(int)]
            units[resting, parameter] = 0.5
            columns[parameter] = units[:, parameter : parameter + 1]
