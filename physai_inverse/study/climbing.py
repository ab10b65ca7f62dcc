"""New trials of a study with a fidelity: configurations that begin, and configurations that go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Protocol

from physai_inverse.fidelity import Fidelity
from physai_inverse.forward import AbstractSurrogate
from physai_inverse.objective import Objective
from physai_inverse.observations import Config
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.store import Proposal, Trial
from physai_inverse.study.censoring import observed
from physai_inverse.study.costs import learned_costs
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.knowledge import PriorKnowledge
from physai_inverse.study.prices import Foreseen
from physai_inverse.study.proposing import by_model, new_proposals
from physai_inverse.study.rungs import Climbed, Standing, standings

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.inverse.promotion import Choice, Paused

RULES = ("model", "asha", "lowest")
"""Methods that climb rungs; `random` trains every configuration in full."""


@dataclass(frozen=True)
class Climb:
    """What the next trials are chosen from.

    Args:
        space: the space.
        objective: what is wanted.
        fidelity: of the study.
        method: of the study.
        climbed: the forward map of the highest rung; None for methods that do without.
        trials: every trial, by number.
        resume: whether trainings go on from where the lower rung stopped.
        seed: of the study.
        knowledge: what the study knows besides its own data.
    """

    space: Space
    objective: Objective
    fidelity: Fidelity
    method: str
    climbed: Climbed | None
    trials: Mapping[int, Trial]
    resume: bool
    seed: int
    knowledge: PriorKnowledge

    def proposals(self, numbers: Sequence[int]) -> list[Proposal]:
        """Propose one training for each trial number, each knowing of those before it."""
        stand = standings(self.space, self.fidelity, self.trials.values())
        going: dict[int, int] = {}
        begun: list[Proposal] = []
        found: list[Proposal] = []
        for number in numbers:
            waiting: list[Config] = [item.config for item in stand if item.state == "open"]
            waiting += [stand[place].config for place in going] + [dict(item.config) for item in begun]
            choice = self._choice(stand, going, waiting, number)
            if choice.place is not None:
                going[choice.place] = choice.rung
                found.append(self._promotion(stand[choice.place], choice))
                continue
            [fresh] = new_proposals(
                self.space,
                self.objective,
                self.climbed,
                waiting,
                numbers=[number],
                seed=self.seed,
                modelled=by_model(self.trials.values()),
                repeats=False,
                knowledge=self.knowledge,
            )
            begun.append(replace(fresh, fidelity=self.fidelity.rungs[choice.rung]))
            found.append(begun[-1])
        return found

    def _choice(
        self, stand: list[Standing], going: dict[int, int], waiting: Sequence[Config], number: int
    ) -> "Choice":
        from physai_inverse.inverse.promotion import Choice, halving, lowest, open_rung

        if self.method not in RULES:
            return Choice(None, self.fidelity.top, "new")
        rungs, paused = self._merits(stand)
        paused = [item for item in paused if item.place not in going]
        if self.method == "asha":
            return halving(rungs, paused, self.fidelity.eta)
        for item in [trial for trial in self.trials.values() if not trial.state.finished]:
            rungs[max(self.fidelity.rung(item.fidelity), 0)].append(-inf)  # they have taken their places
        for rung in going.values():
            rungs[rung].append(-inf)
        if self.method == "lowest":
            return lowest(rungs, paused)
        assert self.climbed is not None
        place = open_rung(rungs, paused, self.fidelity.eta, self.climbed.start)
        if place is None:
            return Choice(None, self.climbed.start, "new")
        return self._worthiest(paused, place, stand, waiting, number)

    def _merits(self, stand: list[Standing]) -> "tuple[list[list[float]], list[Paused]]":
        """Order all trainings of each rung, and say which configurations may go on."""
        import numpy as np

        from physai_inverse.inverse.promotion import Paused, merits

        rungs: list[list[float]] = []
        paused: list[Paused] = []
        for rung in range(len(self.fidelity.rungs)):
            values: dict[str, list[float]] = {name: [] for name in self.objective.shown}
            places = []
            for place, item in enumerate(stand):
                trial = item.by_rung.get(rung)
                if trial is None:
                    continue
                measured = self.objective.measured(trial.metrics, item.config)
                if all(np.isfinite(measured[name]) for name in values):
                    places.append(place)
                    for name, column in values.items():
                        column.append(measured[name])
            found = merits(self.objective, {name: np.array(column) for name, column in values.items()})
            rungs.append([float(value) for value in found])
            paused += [
                Paused(place, rung, float(merit))
                for place, merit in zip(places, found, strict=True)
                if stand[place].state == "paused" and stand[place].rung == rung
            ]
        return rungs, paused

    def _worthiest(
        self, paused: "list[Paused]", rung: int, stand: list[Standing], waiting: Sequence[Config], number: int
    ) -> "Choice":
        from physai_inverse.inverse.promotion import log_gains, worthiest

        assert self.climbed is not None
        stream = child(self.seed, "promotions", number)
        ready = [item for item in paused if item.rung == rung]
        gains = log_gains(
            self.climbed.judged(self.objective),
            self.climbed.data,
            self.objective,
            self._units([stand[item.place].config for item in ready]),
            reached=self._units([item.config for item in stand if item.state == "finished"]),
            pending=self._units(waiting),
            seed=stream,
        )
        return worthiest(
            [replace(item, log_gain=float(gain)) for item, gain in zip(ready, gains, strict=True)],
            rung,
            top=self.fidelity.top,
            eta=self.fidelity.eta,
            cost=learned_costs(self.fidelity, self.trials.values(), resume=self.resume).step,
            seed=stream,
        )

    def _promotion(self, item: Standing, choice: "Choice") -> Proposal:
        """Take a configuration up: the same configuration and seed, a higher fidelity."""
        earlier = item.latest
        note: dict[str, object] = {"kind": choice.why, "from": earlier.number}
        if self.climbed is not None:
            forward = self.climbed.shown(self.objective)
            units = self._units([item.config])
            note["predicted"] = {
                name: [float(prediction.quantiles[level][0]) for level in (0.05, 0.5, 0.95)]
                for name, prediction in forward.predict(units).items()
            }
        return Proposal(
            item.config,
            seed=earlier.seed,
            origin="suggested",
            note=note,
            fidelity=self.fidelity.rungs[choice.rung],
            continues=earlier.number if self.resume else None,
        )

    def _units(self, configs: Sequence[Config]) -> "np.ndarray":
        return self.space.snap(self.space.encode([self.space.complete(config) for config in configs]))


class Climbing(Protocol):
    """What a study is to its next proposals."""

    space: Space
    objective: Objective
    fidelity: Fidelity | None
    method: str
    seed: int
    knowledge: PriorKnowledge
    foreseen: Foreseen | None


def next_proposals(
    study: Climbing,
    fitted: Fitted | Climbed | None,
    trials: Mapping[int, Trial],
    numbers: Sequence[int],
    *,
    resume: bool | None,
    fewer: bool = False,
) -> list[Proposal]:
    """Propose one training for each trial number, in a study with a fidelity or without.

    Args:
        study: the study.
        fitted: the data and what was fitted to it; None for methods that do without.
        trials: every trial, by number.
        numbers: the numbers that the trials will get.
        resume: whether trainings go on from where they stopped; None: as the fidelity says.
        fewer: see `new_proposals`.
    """
    fidelity = study.fidelity
    if fidelity is None:
        waiting = [trial.config for trial in trials.values() if not trial.state.finished]
        return new_proposals(
            study.space,
            study.objective,
            fitted,
            waiting,
            numbers=numbers,
            seed=study.seed,
            modelled=by_model(trials.values()),
            knowledge=study.knowledge,
            foreseen=study.foreseen,
            fewer=fewer,
        )
    assert not isinstance(fitted, Fitted)
    goes_on = fidelity.resume if resume is None else resume
    climb = Climb(
        study.space,
        study.objective,
        fidelity,
        study.method,
        fitted,
        trials,
        resume=goes_on,
        seed=study.seed,
        knowledge=study.knowledge,
    )
    return climb.proposals(numbers)


def fitted_to(
    space: Space,
    objective: Objective,
    fidelity: Fidelity | None,
    trials: Sequence[Trial],
    *,
    surrogate: AbstractSurrogate | None,
    seed: int,
    earlier: Fitted | Climbed | None = None,
) -> Fitted | Climbed:
    """Give what is fitted to finished trials, when it is first asked for.

    Args:
        space: the space.
        objective: what is wanted.
        fidelity: of the study; None for one without.
        trials: finished, in order of their numbers.
        surrogate: the recipe.
        seed: of the study.
        earlier: an earlier state of the same study, whose work is taken over.
    """
    stream = child(seed, "fit")
    if fidelity is not None:
        return Climbed(space, fidelity, objective, trials, surrogate=surrogate, seed=stream)
    before = earlier if isinstance(earlier, Fitted) else None
    return Fitted(space, observed(trials, objective), surrogate=surrogate, seed=stream, earlier=before)
