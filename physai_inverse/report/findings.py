"""What a page tells, gathered once from a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from physai_inverse.errors import FitFailed, NotFound
from physai_inverse.forward import Dataset, Scores
from physai_inverse.report.effects import effects_of
from physai_inverse.report.markup import Markup, element, join
from physai_inverse.store import Trial
from physai_inverse.study import Answer, Campaign, Recommendation, Study
from physai_inverse.understanding import Effect

MAX_EFFECT_METRICS = 6
"""For how many metrics the effects are shown, those of the objective first."""


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
        scores: metric to its held-out scores.
        unfitted: metric to the reason why it has no forward map.
        effects: metric to the effects of the parameters, the largest first.
    """

    study: Study
    baseline: Study | None
    campaign: Campaign | None
    answers: Sequence[Answer]
    labels: Mapping[str, str]
    trials: tuple[Trial, ...]
    metrics: tuple[str, ...]
    recommendation: Recommendation | None
    scores: Mapping[str, Scores] = field(default_factory=dict)
    unfitted: Mapping[str, str] = field(default_factory=dict)
    effects: Mapping[str, Sequence[Effect]] = field(default_factory=dict)

    def named(self, name: str) -> Markup:
        """Write the name of a parameter or metric, with what it means where that is known."""
        meaning = self.labels.get(name)
        faint = None if meaning in (None, name) else element("span", meaning, class_="meaning")
        return join(name, faint)

    @property
    def first(self) -> str:
        """The metric or expression that comes first: of the first wish, else of the first limit."""
        return self.study.objective.quantities[0]


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
    columns = Dataset.from_observations(study.space, [trial.observation() for trial in finished]).columns
    wanted = [name for name in (*study.objective.metrics, *labels) if name in columns]
    metrics = tuple(dict.fromkeys([*wanted, *columns]))
    scores: dict[str, Scores] = {}
    unfitted: dict[str, str] = {}
    effects: dict[str, Sequence[Effect]] = {}
    for name in metrics:
        if not len(columns[name].rows):
            unfitted[name] = "no finite value"
            continue
        try:
            scores[name] = study.forward_map([name]).model(name).held_out()
            if len(effects) < MAX_EFFECT_METRICS:
                effects[name] = effects_of(study, name)
        except (FitFailed, NotFound) as error:
            unfitted[name] = str(error)
    recommendation = campaign.recommendation if campaign is not None else _recommendation(study)
    return Findings(
        study, baseline, campaign, answers, labels, trials, metrics, recommendation, scores, unfitted, effects
    )


def _recommendation(study: Study) -> Recommendation | None:
    try:
        return study.recommend()
    except (NotFound, FitFailed):
        return None
