"""The search for observables that tell of a metric beyond the configuration.

Every curve is read at a few early steps (see `early`), and each value is asked two questions (see `telling`): does
it tell of the end beyond the configuration, and beyond the metric's own value at that step as well? Only what
passes a test against all that was tried is named. What is measured at the end is asked the first alone, apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractSurrogate, Column, Dataset
from physai_inverse.observations import Curve
from physai_inverse.seeds import child, generator
from physai_inverse.understanding.early import Early, early_values
from physai_inverse.understanding.mediators import CHANCE, Association, Mediator, Mediators, Role
from physai_inverse.understanding.splits import best_split
from physai_inverse.understanding.telling import Field, Gain, White, corrected, correlation_of, normal_scores

if TYPE_CHECKING:
    import numpy as np

LEAST_ROWS = 12
"""Finished trainings below which nothing is said."""
MAX_ROWS = 300
"""Trainings that take part; of more a random share."""
PERMUTATIONS = 2000
FOLDS = 10
LEAST_SHARE = 0.8
"""Share of the trainings that must have an observable; fewer would be a choice of them."""


def find_mediators(
    data: Dataset,
    metric: str,
    curves: Mapping[str, Sequence[Curve | None]],
    surrogate: AbstractSurrogate,
    *,
    seed: int,
) -> Mediators:
    """Find what tells of the end of a metric.

    Args:
        data: finished trainings alone, in full length.
        metric: of which the end is asked; one of the columns.
        curves: observable to its curve in each training, None where there is none; the metric's own, too.
        surrogate: a quick recipe, of which the lengthscales are taken.
        seed: of the permutations, and of the rows that are left out where there are many.

    Raises:
        FitFailed: the recipe fails.
    """
    import numpy as np

    column = data.columns[metric]
    rows = column.rows
    left_out: dict[str, str] = {}
    if len(rows) < LEAST_ROWS:
        reason = f"{len(rows)} finished trainings have `{metric}`, and at least {LEAST_ROWS} are needed"
        return Mediators(metric, len(rows), (), (), dict.fromkeys([*curves, *data.columns], reason))
    if len(rows) > MAX_ROWS:
        rows = np.sort(generator(seed, "rows").choice(rows, MAX_ROWS, replace=False))
    values = _ranked(column)[rows]
    if np.ptp(values) == 0:
        reason = f"`{metric}` is the same in all trainings"
        return Mediators(metric, len(rows), (), (), dict.fromkeys([*curves, *data.columns], reason))
    target = normal_scores(values)
    whole = Field(_correlation(data, rows, metric, target, surrogate, seed), target)
    event = (column.censored[rows] == 0) if (column.censored[rows] != 0).any() else None
    listed = {name: [each[row] for row in rows] for name, each in curves.items()}
    early = _telling(whole, metric, early_values(listed), left_out, values, event, seed=child(seed, "early"))
    ends = {name: _ranked(each)[rows] for name, each in data.columns.items() if name != metric}
    associations = _going_with(whole, ends, left_out, values, event, seed=child(seed, "ends"))
    return Mediators(metric, len(rows), early, associations, left_out)


def _ranked(column: Column) -> "np.ndarray":
    """Give values of which only the order counts: what is known to lie beyond a bound is the most extreme."""
    import numpy as np

    values = column.values.copy()
    known = values[np.isfinite(values)]
    if len(known):
        values[(column.censored == 1) & np.isfinite(values)] = known.max()
        values[(column.censored == -1) & np.isfinite(values)] = known.min()
    return values


def _correlation(
    data: Dataset, rows: "np.ndarray", metric: str, target: "np.ndarray", surrogate: AbstractSurrogate, seed: int
) -> "np.ndarray":
    """Fit the metric's normal scores, and give the correlation of configurations that follows."""
    import numpy as np

    units = data.units[rows]
    plain = Column(target, np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int8))
    part = replace(
        data, units=units, columns={metric: plain}, failed=np.zeros(len(rows), dtype=bool), numbers=(), kinds=()
    )
    model = surrogate.fit(part, seed=child(seed, "lengthscales"), metrics=[metric]).model(metric)
    return correlation_of(model.distances(units, units))


@dataclass(frozen=True)
class _Question:
    """Observables that are asked together, since the same trainings have them and the same is known besides.

    Args:
        rows: ``[r]`` the trainings.
        known: ``[r, p]`` normal scores of what is known besides the configuration.
        observed: ``[r, c]`` normal scores of the observables.
        places: ``[c]`` of them among all.
    """

    rows: "np.ndarray"
    known: "np.ndarray"
    observed: "np.ndarray"
    places: tuple[int, ...]

    def statistics(self, whole: Field, kept: "np.ndarray | None" = None) -> "np.ndarray":
        """Give the test statistics ``[c]``, of all trainings or of those that are kept ``[n]``."""
        if kept is None:
            return self._white(whole).statistics()
        inside = kept[self.rows]
        part = whole.take(self.rows[inside])
        return part.white(self.known[inside], self.observed[inside]).statistics()

    def chance(self, whole: Field, keys: "np.ndarray") -> "np.ndarray":
        """Give the largest absolute statistic ``[k]`` of each permutation, by keys ``[k, n]`` to sort by."""
        import numpy as np

        found = self._white(whole).permuted(np.argsort(keys[:, self.rows], axis=1))
        return np.asarray(np.abs(found).max(axis=1))

    def _white(self, whole: Field) -> White:
        return whole.take(self.rows).white(self.known, self.observed)

    def gains(self, whole: Field) -> list[Gain]:
        """Give what each observable adds, held out."""
        return whole.take(self.rows).gains(self.known, self.observed)


def _question(columns: "Mapping[int, np.ndarray]", known: "np.ndarray | None") -> list[_Question]:
    """Group observables by the trainings that have them.

    Args:
        columns: place to values ``[n]``.
        known: ``[n]`` what is known besides; None for nothing.
    """
    import numpy as np

    groups: dict[bytes, list[int]] = {}
    for place, values in columns.items():
        there = np.isfinite(values) if known is None else np.isfinite(values) & np.isfinite(known)
        groups.setdefault(there.tobytes(), []).append(place)
    found = []
    for key, places in groups.items():
        rows = np.flatnonzero(np.frombuffer(key, dtype=bool))
        besides = np.empty((len(rows), 0)) if known is None else normal_scores(known[rows])[:, None]
        observed = np.stack([normal_scores(columns[place][rows]) for place in places], axis=1)
        found.append(_Question(rows, besides, observed, tuple(places)))
    return found


def _usable(name: str, values: "np.ndarray", left_out: dict[str, str]) -> bool:
    import numpy as np

    there = np.isfinite(values)
    if there.sum() < max(LEAST_SHARE * len(values), LEAST_ROWS):
        left_out[name] = f"only {int(there.sum())} of {len(values)} trainings have it"
    elif np.ptp(values[there]) == 0:
        left_out[name] = "it is the same in all trainings"
    else:
        return True
    return False


@dataclass(frozen=True)
class _Answer:
    """What was found of one observable by one question."""

    rows: int
    gain: Gain
    chance: float
    folds: float


def _answers(whole: Field, questions: Sequence[_Question], *, seed: int) -> list[dict[int, _Answer]]:
    """Ask all questions, corrected for all of them together."""
    import numpy as np

    if not questions:
        return []
    draw = generator(seed, "permutations")
    keys = draw.random((PERMUTATIONS, len(whole)))
    chance = np.max([question.chance(whole, keys) for question in questions], axis=0)
    probabilities = corrected([question.statistics(whole) for question in questions], chance)
    critical = float(np.quantile(chance, 1.0 - CHANCE))
    fold = draw.permutation(len(whole)) % FOLDS
    answers = []
    for question, chances in zip(questions, probabilities, strict=True):
        again = np.mean(
            [np.abs(question.statistics(whole, fold != left)) > critical for left in range(FOLDS)], axis=0
        )
        gains = question.gains(whole)
        answers.append(
            {
                place: _Answer(len(question.rows), gain, float(probability), float(share))
                for place, gain, probability, share in zip(question.places, gains, chances, again, strict=True)
            }
        )
    return answers


def _telling(
    whole: Field,
    metric: str,
    candidates: Sequence[Early],
    left_out: dict[str, str],
    values: "np.ndarray",
    event: "np.ndarray | None",
    *,
    seed: int,
) -> tuple[Mediator, ...]:
    """Ask every early value both questions."""
    reasons: dict[str, str] = {}
    used = [item for item in candidates if _usable(item.observable, item.values, reasons)]
    left_out.update({name: why for name, why in reasons.items() if all(item.observable != name for item in used)})
    own = {item.share: item.values for item in used if item.observable == metric}
    others: dict[float, dict[int, np.ndarray]] = {}
    for place, item in enumerate(used):
        if item.observable != metric and item.share in own:
            others.setdefault(item.share, {})[place] = item.values
    first = _question({place: item.values for place, item in enumerate(used)}, None)
    second = [question for share, columns in others.items() for question in _question(columns, own[share])]
    answers = _answers(whole, [*first, *second], seed=seed)
    by_config = {place: answer for each in answers[: len(first)] for place, answer in each.items()}
    by_own = {place: answer for each in answers[len(first) :] for place, answer in each.items()}
    found = []
    for place, item in enumerate(used):
        config, besides = by_config[place], by_own.get(place)
        role = _role(item.observable == metric, config, besides)
        found.append(
            Mediator(
                observable=item.observable,
                early=item,
                rows=config.rows,
                over_config=config.gain,
                over_own=None if besides is None else besides.gain,
                chance_config=config.chance,
                chance_own=None if besides is None else besides.chance,
                folds=besides.folds if role is Role.MEDIATOR and besides is not None else config.folds,
                role=role,
                split=best_split(item.values, values, event),
            )
        )
    return tuple(sorted(found, key=_merit))


def _role(own: bool, config: _Answer, besides: _Answer | None) -> Role:
    if not own and besides is not None and besides.chance <= CHANCE and besides.gain.nats > 0:
        return Role.MEDIATOR
    if config.chance > CHANCE or config.gain.nats <= 0:
        return Role.SILENT
    if own:
        return Role.OWN
    return Role.MEDIATOR if besides is None else Role.FORERUNNER


def _merit(item: Mediator) -> tuple[int, float]:
    order = {Role.MEDIATOR: 0, Role.OWN: 1, Role.FORERUNNER: 2, Role.SILENT: 3}[item.role]
    gain = item.over_own if item.role is Role.MEDIATOR and item.over_own is not None else item.over_config
    return order, -gain.nats if math.isfinite(gain.nats) else math.inf


def _going_with(
    whole: Field,
    ends: "Mapping[str, np.ndarray]",
    left_out: dict[str, str],
    values: "np.ndarray",
    event: "np.ndarray | None",
    *,
    seed: int,
) -> tuple[Association, ...]:
    """Ask what goes with the metric at the end."""
    import numpy as np

    names = [name for name, column in ends.items() if _usable(name, column, left_out)]
    answers = _answers(whole, _question({place: ends[name] for place, name in enumerate(names)}, None), seed=seed)
    found = []
    for place, answer in sorted((place, answer) for each in answers for place, answer in each.items()):
        column = ends[names[place]]
        there = np.isfinite(column)
        scores = normal_scores(column[there]), normal_scores(values[there])
        found.append(
            Association(
                observable=names[place],
                rows=answer.rows,
                rank_correlation=float(np.corrcoef(*scores)[0, 1]),
                over_config=answer.gain,
                chance=answer.chance,
                split=best_split(column, values, event),
            )
        )
    return tuple(sorted(found, key=lambda item: (not item.found, -item.over_config.nats)))
