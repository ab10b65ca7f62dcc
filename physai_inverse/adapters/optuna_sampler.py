"""The engine as a sampler of Optuna: `optuna.create_study(sampler=PhysaiSampler(seed=0))`.

Optuna asks twice: for all parameters that can be foreseen (`sample_relative`), which the engine answers at once
for the whole, conditional space as the trials have shown it; then, for each parameter that was not foreseen
(`sample_independent`), which Optuna's own random sampler answers. Nothing is kept between trials but what running
trials were handed, so that a study may be loaded, copied or shared between processes at any time.
"""

import secrets
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from physai_inverse.errors import FitFailed, InvalidInput, MissingPackage
from physai_inverse.seeds import child

try:
    import optuna
except ImportError as error:
    raise MissingPackage(
        "The sampler needs Optuna, which is not installed; install it with: pip install 'physai-inverse[optuna]'."
    ) from error
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from physai_inverse.adapters.asking import ask
from physai_inverse.adapters.optuna_axes import axis_of
from physai_inverse.adapters.optuna_trials import CONSTRAINTS, Picture

MAX_AHEAD = 7
"""Running trials of unknown parameters that a proposal stands back for."""
STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)

ConstraintsFunction = Callable[[FrozenTrial], Sequence[float]]


class PhysaiSampler(BaseSampler):
    """A sampler for every kind of Optuna study.

    One objective or several, constraints, failed, pruned and running trials, conditional and growing spaces, any
    distribution. The same seed and trials give the same suggestions: every stream is named by the number of its
    trial, which no two trials share, so that `reseed_rng` has nothing to do and the seed counts with `n_jobs`, too
    (where only the order in which results arrive is left to chance).

    Args:
        seed: makes suggestions repeatable; a random one where it is left out.
        constraints_func: gives the values of the constraints of a trial that ended, feasible at zero or below, as
            for Optuna's own samplers.

    Raises:
        InvalidInput: `seed` is no whole number of at least 0.
    """

    def __init__(self, seed: int | None = None, *, constraints_func: ConstraintsFunction | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
            raise InvalidInput(f"`seed` must be a whole number of at least 0 or None, not {seed!r}.")
        self._seed = secrets.randbits(62) if seed is None else seed
        self._constraints_func = constraints_func
        self._handed: dict[str, dict[int, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the lock behind, so that a study with this sampler can be copied and sent to other processes."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a new lock."""
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def infer_relative_search_space(
        self, study: "optuna.Study", trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Give the latest distribution of every parameter that any trial had."""
        return self._picture(study, trial).latest

    def sample_relative(
        self, study: "optuna.Study", trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose all parameters that can be foreseen."""
        if not search_space:
            return {}
        with self._lock:
            proposed = self._propose(study, trial)
            params = {name: value for name, value in proposed.items() if name in search_space}
            self._handed.setdefault(study.study_name, {})[trial.number] = params
        return dict(params)

    def _propose(self, study: "optuna.Study", trial: FrozenTrial) -> dict[str, Any]:
        picture = self._picture(study, trial)
        if picture.presence is None:
            return {}
        # What an earlier trial was given is unknown while another process makes it up: stand back for it.
        ahead = sum(
            other.state == TrialState.RUNNING
            and other.number < trial.number
            and not other.params
            and other.number not in picture.handed
            for other in picture.trials
        )
        try:
            configs = ask(
                picture.presence.space,
                picture.objective,
                picture.told(),
                picture.waiting(),
                num=1 + min(ahead, MAX_AHEAD),
                seed=child(self._seed, "optuna"),
            )
        except FitFailed as error:
            warnings.warn(f"Trial {trial.number} is sampled at random: {error}", stacklevel=2)
            return {}
        return picture.written(configs[-1])

    def _picture(self, study: "optuna.Study", trial: FrozenTrial) -> Picture:
        trials = study.get_trials(deepcopy=False, states=STATES)
        return Picture(
            [other for other in trials if other.number != trial.number],
            study.directions,
            dict(self._handed.get(study.study_name, {})),
        )

    def sample_independent(
        self, study: "optuna.Study", trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter that was not foreseen; for the very first trial, the middle of its range."""
        axis = axis_of(param_distribution, ())
        if trial.number == 0 and axis is not None:
            import numpy as np

            return axis.write(axis.parameter.from_unit(np.array([0.5])).tolist()[0])
        stream = RandomSampler(seed=child(self._seed, "independent", trial.number, param_name) % 2**32)
        return stream.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: "optuna.Study", trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Record the constraints of a trial that ended with values.

        Raises:
            InvalidInput: `constraints_func` gave something else than numbers.
        """
        del values
        self._handed.get(study.study_name, {}).pop(trial.number, None)
        if self._constraints_func is None or state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return
        given = self._constraints_func(trial)
        numbers = [float(value) for value in given]
        if any(number != number for number in numbers):
            raise InvalidInput(
                f"`constraints_func` must give numbers, got NaN for trial {trial.number}: {numbers!r}."
            )
        # There is no public door for a sampler; this is where Optuna and its own samplers look.
        study._storage.set_trial_system_attr(trial._trial_id, CONSTRAINTS, numbers)
