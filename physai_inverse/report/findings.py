"""What a page tells, gathered once from a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from physai_inverse.errors import FitFailed, InvalidInput, NotFound
from physai_inverse.forward import Dataset
from physai_inverse.observations import Scalar
from physai_inverse.report.effects import effects_of
from physai_inverse.report.leaders import Leader, leaders
from physai_inverse.report.maps import telling_surfaces
from physai_inverse.report.markup import Markup, breakable, element, join
from physai_inverse.report.slices import Near, centre_of, near, trained, widest_first
from physai_inverse.space import Constant
from physai_inverse.store import Trial
from physai_inverse.study import Answer, Campaign, MetricFit, Recommendation, Study, upcoming
from physai_inverse.study.censoring import observed
from physai_inverse.understanding import Effect, Mediators, Slice, Surface, one_parameter_slices

MOST_PANELS = 300
"""Metrics times parameters for which it is shown how the one acts on the other, metrics of the objective first."""

FEWEST_METRICS = 6
"""Metrics for which it is shown, however many parameters there are."""

MOST_PREDICTIONS = 600_000
"""Predictions from which all effects together are averaged; with many metrics and parameters each gets fewer."""

MAX_AVERAGED, MIN_AVERAGED = 256, 32
"""Configurations that an effect is averaged over."""

MOST_SURFACES, FEWEST_SURFACES = 3, 1
"""Maps of two parameters shown of each metric of the objective, and of each other."""

NUM_UPCOMING = 4


@dataclass(frozen=True)
class Acting:
    """What acts on one metric.

    Args:
        effects: averaged over the space, the largest first.
        slices: around the centre, those that move the prediction most first.
        beside: parameter to the trainings near its slice.
        surfaces: over two parameters around the centre, with the trainings near by.
    """

    effects: Sequence[Effect]
    slices: Sequence[Slice]
    beside: Mapping[str, Near]
    surfaces: Sequence[tuple[Surface, Near]]


@dataclass(frozen=True)
class Findings:
    """A study with everything that was found out about it.

    Args:
        study: the study.
        baseline: random search on the same problem.
        campaign: what a campaign found.
        answers: answers to inverse queries.
        labels: parameter or metric to what it means.
        trials: of the study, in order.
        metrics: recorded metrics, those of the objective first, then those with a label.
        recommendation: None while there is nothing to recommend.
        leaders: the best configurations, the recommended one first.
        centre: the configuration that slices go through; None where nothing ended well.
        fits: metric to how far its forward map may be believed.
        numbers: the trials of the rows that the held-out values stand in; empty where they are not known.
        unfitted: metric to the reason why it has no forward map.
        acting: metric to what acts on it.
        telling: what tells of the end of the first metric; None where it cannot be said.
        upcoming: what would be trained next.
        halted: why nothing can be proposed; None where something is.
    """

    study: Study
    baseline: Study | None
    campaign: Campaign | None
    answers: Sequence[Answer]
    labels: Mapping[str, str]
    trials: tuple[Trial, ...]
    metrics: tuple[str, ...]
    recommendation: Recommendation | None
    leaders: Sequence[Leader] = ()
    centre: Mapping[str, Scalar] | None = None
    fits: Mapping[str, MetricFit] = field(default_factory=dict)
    numbers: Sequence[int] = ()
    unfitted: Mapping[str, str] = field(default_factory=dict)
    acting: Mapping[str, Acting] = field(default_factory=dict)
    telling: Mediators | None = None
    upcoming: Sequence[Trial] = ()
    halted: str | None = None

    def named(self, name: str) -> Markup:
        """Write the name of a parameter or metric, with what it means where that is known."""
        meaning = self.labels.get(name)
        faint = None if meaning in (None, name) else element("span", meaning, class_="meaning")
        return join(breakable(name), faint)

    @property
    def first(self) -> str:
        """The metric or expression that comes first: of the first wish, else of the first limit."""
        return self.study.objective.quantities[0]

    @property
    def finished(self) -> list[Trial]:
        """The trials that have ended."""
        return [trial for trial in self.trials if trial.state.finished]

    @cached_property
    def configs(self) -> list[dict[str, Scalar]]:
        """The configurations of the trials that have ended, completed."""
        return [self.study.space.complete(trial.config) for trial in self.finished]

    @property
    def constants(self) -> dict[str, Scalar]:
        """The parameters that are fixed, with their values."""
        parameters = self.study.space.parameters
        return {name: each.value for name, each in parameters.items() if isinstance(each, Constant)}

    @property
    def unmoved(self) -> dict[str, Scalar]:
        """The free parameters that had one value in all trainings that ended, with it."""
        seen: dict[str, set[tuple[bool, Scalar]]] = {name: set() for name in self.study.space.names}
        ended = self.finished
        for trial in ended if len(ended) > 1 else ():
            for name, values in seen.items():
                if name in trial.config:
                    values.add((isinstance(trial.config[name], bool), trial.config[name]))
        return {name: next(iter(values))[1] for name, values in seen.items() if len(values) == 1}


def gather(
    study: Study,
    *,
    baseline: Study | None,
    campaign: Campaign | None,
    answers: Sequence[Answer],
    labels: Mapping[str, str],
) -> Findings:
    """Find out everything that a page tells; a metric that cannot be modelled is left out with its reason."""
    trials = tuple(study.trials)
    finished = [trial for trial in trials if trial.state.finished]
    data = Dataset.from_observations(study.space, observed(finished, study.objective, study.fidelity))
    columns = data.columns
    wanted = [name for name in (*study.objective.metrics, *labels) if name in columns]
    metrics = tuple(dict.fromkeys([*wanted, *columns]))
    fits: dict[str, MetricFit] = {}
    unfitted: dict[str, str] = {}
    for name in metrics:
        if not len(columns[name].rows):
            unfitted[name] = "no finite value was recorded"
            continue
        try:
            fits[name] = study.fit([name], misfits=name in study.objective.metrics)[name]
        except (FitFailed, NotFound) as error:
            unfitted[name] = str(error)
    recommendation = campaign.recommendation if campaign is not None else _recommendation(study)
    try:
        centre = centre_of(study) if recommendation is None else recommendation.config
    except NotFound:
        centre = None
    proposed, halted = _upcoming(study)
    return Findings(
        study=study,
        baseline=baseline,
        campaign=campaign,
        answers=answers,
        labels=labels,
        trials=trials,
        metrics=metrics,
        recommendation=recommendation,
        leaders=leaders(study, recommendation),
        centre=centre,
        fits=fits,
        numbers=data.numbers if study.fidelity is None else (),
        unfitted=unfitted,
        acting=_acting(study, list(fits), centre),
        telling=_telling(study),
        upcoming=proposed,
        halted=halted,
    )


def _acting(study: Study, metrics: Sequence[str], centre: Mapping[str, Scalar] | None) -> dict[str, Acting]:
    metrics = metrics[: max(MOST_PANELS // max(study.space.dimension, 1), FEWEST_METRICS)]
    averaged = MOST_PREDICTIONS // max(16 * len(metrics) * study.space.dimension, 1)
    averaged = min(max(1 << max(averaged, 1).bit_length() - 1, MIN_AVERAGED), MAX_AVERAGED)
    seen = trained(study)
    found = {}
    for name in metrics:
        effects = effects_of(study, name, num_samples=averaged)
        if centre is None:
            found[name] = Acting(effects, (), {}, ())
            continue
        slices = one_parameter_slices(study.forward_map([name]), name, centre)
        most = MOST_SURFACES if name in study.objective.metrics else FEWEST_SURFACES
        surfaces = telling_surfaces(study, name, centre, [each.parameter for each in effects], most)
        found[name] = Acting(
            effects,
            widest_first(slices),
            {each.parameter: near(study, seen, name, centre, [each.parameter]) for each in slices},
            [(each, near(study, seen, name, centre, each.parameters)) for each in surfaces],
        )
    return found


def _recommendation(study: Study) -> Recommendation | None:
    try:
        return study.recommend()
    except (NotFound, FitFailed):
        return None


def _telling(study: Study) -> Mediators | None:
    try:
        return study.mediators()
    except (NotFound, FitFailed):
        return None


def _upcoming(study: Study) -> tuple[Sequence[Trial], str | None]:
    try:
        return upcoming(study, NUM_UPCOMING), None
    except (NotFound, FitFailed, InvalidInput) as error:
        return (), str(error)
