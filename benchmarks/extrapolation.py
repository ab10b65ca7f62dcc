"""Beyond the rows: scaling laws, schedules and learning curves, fitted below and judged above.

Four public tables (`../shared/data`), each with the question its authors asked. Ours is told the inputs, never a
formula. Beside it in the same run: the published form by least squares, a random forest, and our process without a
law. A miss is |predicted / measured - 1|, in percent.

    llm_overtraining    five small runs of a data set to open_lm_7b (M = 20) and open_lm_1b (M = 640), for eight
                        losses; published for redpajama, loss_c4_val: 0.7320 and 0.7103. Two stages: err_avg_17
                        from the predicted loss by a link fitted to six runs; published 0.0464 and 3.6365. And all
                        runs below 5e8 parameters to the nine above, over all data sets.
    olmo_ladder         the ends (mean of five evaluations) of 16 runs in parameters and tokens: as fitted, each
                        left out in turn, and the four runs of 1B from the twelve below; the ends of 1B from parts
                        of their own curves and the smaller runs' whole curves.
    lr_schedule_curves  six schedules from three; published: R2 0.9988 (25M) and 0.9983 (100M).
    data_constrained    rows with loss below 3.5, not deduplicated: random halves, and large models from small; the
                        published law with its own numbers misses by 8.2 in the median.

Data: Gadre et al. 2024 (arXiv 2403.08540), Bhagia et al. 2024 (arXiv 2412.04403), Luo et al. 2025
(arXiv 2503.12811), Muennighoff et al. 2023 (arXiv 2305.16264); see the READMEs beside the tables.

What these figures are not: untouched. The form of the schedule law was chosen among nine, and the priors of the
laws (spread of exponents, how natural a term is) among a few settings, with these tables in sight. `as fitted`
says how closely a process passes through its own rows, and nothing of others; `each left out` and `from below` do.

    python -m benchmarks.extrapolation
"""

import argparse
import csv
import gzip
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.records import RESULTS, origin, rounded, write
from physai_inverse.forward import AbstractSurrogate, Dataset
from physai_inverse.observations import Curve, Observation
from physai_inverse.space import Choice, Float, Space
from physai_inverse.surrogates import GaussianProcess, LawProcess
from physai_inverse.surrogates.curves import CurveMap
from physai_inverse.surrogates.laws.fitted import fit_law
from physai_inverse.surrogates.laws.links import fit_link
from physai_inverse.surrogates.schedules import ScheduleLaw

DATA = Path(__file__).parents[2] / "shared" / "data"
Row = dict[str, str]
Predicted = tuple[np.ndarray, np.ndarray | None]
"""Medians ``[n]``, and whether each value lay in its 90 % interval."""
SMALL = ("d=96_l=8_h=4", "d=512_l=8_h=4", "d=576_l=24_h=8", "d=1024_l=24_h=8")
OLMO = {
    "ce_c4_en": 0.247,
    "bpb_hellaswag_val": 0.256,
    "bpb_mmlu_test": 0.460,
    "bpb_piqa_val": 0.310,
    "bpb_arc_challenge_test": 0.485,
    "bpb_csqa_val": 1.046,
}
"""Metric to the published mean miss of the form fitted to the 16 runs."""
MULTI_POWER = {
    "25m": (3.0405, 0.5247, 0.5079, 363.788, 2.0656, 0.5828, 0.6414),
    "100m": (2.6514, 0.6012, 0.4530, 437.946, 2.1325, 0.5979, 0.6552),
}
"""Published numbers of the multi-power law: L0, A, alpha, B, C, beta, gamma."""
WARM_UP, PEAK = 2160, 3e-4


def read(name: str) -> list[Row]:
    """Read a table."""
    path = DATA / name
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        return list(csv.DictReader(stream))


def numbers(rows: Sequence[Row], name: str) -> np.ndarray:
    """Give a column."""
    return np.array([float(row[name]) for row in rows])


class Question:
    """Rows to learn from and rows to predict.

    Args:
        whole: every row of the table: they set the bounds of the space.
        known: rows to learn from.
        asked: rows to predict.
        inputs: numeric columns, on a log scale.
        metric: the column to predict.
        kinds: categorical columns.
    """

    def __init__(
        self,
        whole: Sequence[Row],
        known: Sequence[Row],
        asked: Sequence[Row],
        inputs: Sequence[str],
        metric: str,
        kinds: Sequence[str] = (),
    ) -> None:
        self.known, self.asked, self.inputs, self.metric, self.kinds = known, asked, inputs, metric, kinds
        parameters: dict[str, Float | Choice] = {
            name: Float(float(numbers(whole, name).min()), float(numbers(whole, name).max()), log=True)
            for name in inputs
        }
        self.space = Space(
            {**parameters, **{name: Choice(sorted({row[name] for row in whole})) for name in kinds}}
        )
        self.truth = numbers(asked, metric)

    def _data(self, rows: Sequence[Row]) -> Dataset:
        observations = [
            Observation(
                {**{name: float(row[name]) for name in self.inputs}, **{name: row[name] for name in self.kinds}},
                {self.metric: float(row[self.metric])},
            )
            for row in rows
        ]
        return Dataset.from_observations(self.space, observations)

    def by(self, recipe: AbstractSurrogate) -> Predicted:
        """Answer by a recipe."""
        model = recipe.fit(self._data(self.known), seed=0).model(self.metric)
        found = model.predict(self._data(self.asked).units).quantiles
        return found[0.5], (found[0.05] <= self.truth) & (self.truth <= found[0.95])

    def ours(self) -> Predicted:
        """Answer by laws under a process."""
        return self.by(LawProcess())

    def plain(self) -> Predicted:
        """Answer by the process without a law."""
        return self.by(GaussianProcess())

    def forest(self) -> Predicted:
        """Answer by a random forest."""
        from sklearn.ensemble import RandomForestRegressor

        model = RandomForestRegressor(n_estimators=100, random_state=0)  # its defaults
        model.fit(self._data(self.known).units, numbers(self.known, self.metric))
        return np.asarray(model.predict(self._data(self.asked).units)), None

    def sum_of_powers(self) -> Predicted:
        """Answer by E + A N^-a + B D^-b: Huber loss on the logarithm, many starts, as published for the ladder."""
        from scipy.optimize import least_squares

        first, second = (numbers(self.known, name) for name in self.inputs[:2])
        values, centre = numbers(self.known, self.metric), (np.median(first), np.median(second))

        def form(place: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
            with np.errstate(over="ignore"):
                found = np.exp(place[0]) + np.exp(place[1]) * (one / centre[0]) ** -place[2]
                return np.asarray(found + np.exp(place[3]) * (two / centre[1]) ** -place[4])

        def left(place: np.ndarray) -> np.ndarray:
            return np.asarray(np.log(form(place, first, second) / values))

        starts = [[0.0, -1.0, one, -1.0, two] for one in (0.1, 0.3, 0.6) for two in (0.1, 0.3, 0.6)]
        bounds = ([-10.0, -10.0, 0.0, -10.0, 0.0], [5.0, 5.0, 2.0, 5.0, 2.0])
        fits = [least_squares(left, start, loss="huber", f_scale=1e-3, bounds=bounds) for start in starts]
        best = min(fits, key=lambda fit: float(fit.cost)).x
        return np.asarray(form(best, *(numbers(self.asked, name) for name in self.inputs[:2]))), None

    def shared_exponent(self) -> Predicted:
        """Answer by E + a N^-eta + b (M N)^-eta: least squares, as published for over-training."""

        def columns(rows: Sequence[Row], eta: float) -> np.ndarray:
            params, multiplier = numbers(rows, "params") / 1e8, numbers(rows, "token_multiplier")
            return np.stack([np.ones(len(params)), params**-eta, (params * multiplier) ** -eta], axis=1)

        values = numbers(self.known, self.metric)
        best, lowest = np.empty(0), math.inf
        for eta in np.linspace(0.05, 1.5, 600):
            found = np.linalg.lstsq(columns(self.known, eta), values, rcond=None)[0]
            left = float(np.sum((columns(self.known, eta) @ found - values) ** 2))
            if left < lowest:
                best, lowest = columns(self.asked, eta) @ found, left
        return best, None


def misses(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Give the misses in percent."""
    return np.asarray(100.0 * np.abs(predicted / measured - 1.0))


def judged(question: Question, systems: dict[str, Callable[[], Predicted]]) -> dict[str, dict[str, Any]]:
    """Ask every system one question."""
    found: dict[str, dict[str, Any]] = {}
    for system, answer in systems.items():
        began = time.process_time()
        predicted, inside = answer()
        seconds = time.process_time() - began
        miss = misses(predicted, question.truth)
        found[system] = {"miss": [rounded(one) for one in miss], "seconds": rounded(seconds)}
        if inside is not None:
            found[system]["in 90 %"] = [bool(one) for one in inside]
    return found


def four(question: Question, published: Callable[[], Predicted] | None) -> dict[str, Callable[[], Predicted]]:
    """Ours and its peers."""
    systems = {"ours": question.ours, "without a law": question.plain, "forest": question.forest}
    return systems if published is None else {**systems, "published form": published}


def line(label: str, found: dict[str, dict[str, Any]], reduce: Callable[[Any], Any] = np.mean) -> None:
    """Print one row of a table."""
    cells = [f"{system} {float(reduce(cell['miss'])):7.3f}" for system, cell in found.items()]
    inside = found["ours"].get("in 90 %")
    tail = "" if inside is None else f"   ours in 90 %: {np.mean(inside):.2f}"
    print(f"{label:50}" + "   ".join(cells) + tail, flush=True)


def over_training() -> dict[str, Any]:
    """Five runs to two, data set by data set; six runs to a downstream error; small models to large ones."""
    rows = read("llm_overtraining/runs.csv")
    losses = [name for name in rows[0] if name.startswith("loss_")]
    results: dict[str, Any] = {}
    pooled: dict[str, list[float]] = {}
    print("\nllm_overtraining: five runs to open_lm_7b (M = 20) and, where it was trained, open_lm_1b (M = 640)")
    for name in ("redpajama", "c4", "refinedweb"):
        mine = [row for row in rows if row["train_dataset"] == name]
        five = [row for row in mine if row["model"] in SMALL and row["token_multiplier"] == "20"]
        five += [row for row in mine if row["model"] == SMALL[0] and row["token_multiplier"] == "320"]
        asked = [
            row
            for row in mine
            if (row["model"], row["token_multiplier"]) in (("open_lm_7b", "20"), ("open_lm_1b", "640"))
        ]
        for loss in losses:
            question = Question(rows, five, asked, ("params", "train_tokens"), loss)
            systems = four(question, question.shared_exponent)
            other = Question(rows, five, asked, ("params", "token_multiplier"), loss)
            every = ("params", "train_tokens", "token_multiplier", "flops_6nd")
            systems["ours, by multiplier"] = other.ours
            systems["ours, all four"] = Question(rows, five, asked, every, loss).ours
            found = judged(question, systems)
            found["asked"] = {"runs": [row["run"] for row in asked]}
            results[f"{name}, {loss}"] = found
            for system in systems:
                pooled.setdefault(system, []).extend(found[system]["miss"])
            if loss == "loss_c4_val":
                cells = "   ".join(f"{system} {found[system]['miss']}" for system in systems)
                print(f"  {name}, {loss}: {cells}", flush=True)
        six = [*five, *(row for row in mine if (row["model"], row["token_multiplier"]) == ("open_lm_1b", "20"))]
        results[f"{name}, err_avg_17 in two stages"] = two_stages(rows, five, six, asked, name)
    for system, values in pooled.items():
        results[f"all losses and data sets, {system}"] = {
            "median": rounded(float(np.median(values))),
            "mean": rounded(float(np.mean(values))),
        }
        print(
            f"  {len(values)} predictions, {system:22} median {np.median(values):.2f}  mean {np.mean(values):.2f}"
        )
    small, large = ([row for row in rows if (float(row["params"]) < 5e8) == below] for below in (True, False))
    inputs = ("params", "train_tokens")
    question = Question(rows, small, large, inputs, "loss_c4_val", ("train_dataset",))
    results["95 runs below 5e8 parameters to 9 above"] = judged(question, four(question, question.sum_of_powers))
    line("  95 runs below 5e8 parameters to 9 above", results["95 runs below 5e8 parameters to 9 above"])
    return results


def two_stages(
    rows: Sequence[Row], five: Sequence[Row], six: Sequence[Row], asked: Sequence[Row], name: str
) -> dict[str, Any]:
    """Predict the loss, then the downstream error from it."""
    from scipy.optimize import curve_fit

    question = Question(rows, five, asked, ("params", "train_tokens"), "loss_c4_val")
    measured = numbers(asked, "err_avg_17")
    link = fit_link(numbers(six, "loss_c4_val"), numbers(six, "err_avg_17"))
    loss, _ = question.ours()
    form: Callable[..., Any] = lambda x, top, size, rate: top - size * np.exp(-rate * x)  # noqa: E731  # a formula
    known = numbers(six, "loss_c4_val")
    places = curve_fit(form, known, numbers(six, "err_avg_17"), p0=(0.85, 2.0, 0.8), maxfev=20_000)[0]
    found = {
        "ours": {"miss": [rounded(one) for one in misses(link(loss), measured)]},
        "published form": {
            "miss": [rounded(one) for one in misses(form(question.shared_exponent()[0], *places), measured)]
        },
    }
    print(f"  {name}, err_avg_17: " + "   ".join(f"{system} {cell['miss']}" for system, cell in found.items()))
    return found


def ladder() -> dict[str, Any]:
    """The ends of the ladder's runs."""
    runs: dict[str, list[Row]] = {}
    for row in read("olmo_ladder/curves.csv.gz"):
        runs.setdefault(row["run"], []).append(row)
    ends: list[Row] = []
    for run, rows in runs.items():
        last = sorted(rows, key=lambda row: float(row["step"]))[-5:]
        if not run.endswith("rerun") and last[0]["chinchilla_multiple"] != "0.5":
            means = {name: str(np.mean(numbers(last, name))) for name in OLMO}
            ends.append({**last[-1], **means})
    small, large = ([row for row in ends if (float(row["params"]) < 1e9) == below] for below in (True, False))
    results: dict[str, Any] = {}
    inputs = ("params", "tokens")
    print("\nolmo_ladder: ends of 16 runs; published: the form fitted to them")
    for metric, published in OLMO.items():
        whole = Question(ends, ends, ends, inputs, metric)
        fitted = judged(whole, {"ours": whole.ours, "published form": whole.sum_of_powers})
        law = fit_law({name: numbers(ends, name) for name in inputs}, numbers(ends, metric))
        alone = misses(law.law({name: numbers(ends, name) for name in inputs}), numbers(ends, metric))
        fitted["our law alone"] = {"miss": [rounded(one) for one in alone]}
        line(f"  {metric}, as fitted (published {published})", fitted)
        left_out: dict[str, dict[str, Any]] = {}
        for row in ends:
            rest = [other for other in ends if other is not row]
            question = Question(ends, rest, [row], inputs, metric)
            systems = four(question, question.sum_of_powers)
            del systems["forest"]  # it repeats its nearest row
            for system, cell in judged(question, systems).items():
                for key, values in cell.items():
                    left_out.setdefault(system, {}).setdefault(key, []).extend(
                        values if isinstance(values, list) else [values]
                    )
        line(f"  {metric}, each left out", left_out)
        question = Question(ends, small, large, inputs, metric)
        beyond = judged(question, four(question, question.sum_of_powers))
        line(f"  {metric}, 1B from below", beyond)
        parts = from_parts(runs, metric)
        print(
            f"  {metric}, 1B from a part of its curve: " + "   ".join(f"{k} {v['miss']}" for k, v in parts.items())
        )
        results[metric] = {
            "published, as fitted": published,
            "as fitted": fitted,
            "law": str(law),
            "each left out": left_out,
            "1B from below": beyond,
            "1B from a part of its curve": parts,
        }
    return results


def from_parts(runs: dict[str, list[Row]], metric: str) -> dict[str, dict[str, float]]:
    """Predict the ends of the runs of 1B from a part of each and the whole curves of the others."""
    space = Space(params=Float(1.9e8, 1.3e9, log=True), tokens=Float(1e9, 3e11, log=True))
    known: list[tuple[dict[str, float], Curve]] = []
    asked: list[tuple[dict[str, float], Curve]] = []
    for unordered in runs.values():
        rows = sorted(unordered, key=lambda row: float(row["step"]))
        config = {"params": float(rows[-1]["params"]), "tokens": float(rows[-1]["tokens"])}
        curve = Curve(tuple(numbers(rows, "step")), tuple(numbers(rows, metric)))
        (asked if config["params"] > 1e9 else known).append((config, curve))
    fitted = CurveMap.fit(space, [config for config, _ in known], [curve for _, curve in known], seed=0)
    found: dict[str, dict[str, float]] = {}
    for share in (0.0, 0.1, 0.25, 0.5, 0.75):
        ours, last, inside = [], [], []
        for config, curve in asked:
            end = float(np.mean(curve.values[-5:]))
            num = sum(step <= share * curve.steps[-1] for step in curve.steps)
            part = Curve(curve.steps[:num], curve.values[:num]) if share else None
            there = fitted.predict(config, part, curve.steps[-5:], last_step=curve.steps[-1])
            ours.append(misses(np.mean(there.mean), np.array(end)))
            inside.append(abs(np.mean(there.mean) - end) < 1.645 * there.standard_deviation[-1])
            if share:
                last.append(misses(np.array(np.mean(curve.values[max(num - 5, 0) : num])), np.array(end)))
        found[f"{share:.0%}"] = {"miss": rounded(float(np.mean(ours))), "in 90 %": rounded(float(np.mean(inside)))}
        if last:
            found[f"{share:.0%}"]["its last values"] = rounded(float(np.mean(last)))
    return found


def multi_power(name: str, steps: np.ndarray, schedule: Curve) -> np.ndarray:
    """Evaluate the multi-power law with its published numbers, step by step as its authors do."""
    floor, size, alpha, gain, memory, beta, gamma = MULTI_POWER[name]
    every = np.arange(int(steps[-1]) + 1)
    rates = np.interp(every, np.concatenate([[0, WARM_UP], schedule.steps]), [0.0, PEAK, *schedule.values])
    areas = np.cumsum(rates)
    drops = rates[:-1] - rates[1:]
    changed = np.flatnonzero(drops) + 1
    annealed = np.empty(len(steps))
    for place, step in enumerate(steps.astype(int)):
        before = changed[changed <= step]
        since = areas[step] - areas[before - 1]
        worn = 1.0 - (memory * rates[before] ** -gamma * since + 1.0) ** -beta
        annealed[place] = drops[before - 1] @ worn
    return np.asarray(floor + size * areas[steps.astype(int)] ** -alpha - gain * annealed)


def schedules() -> dict[str, Any]:
    """Six schedules from three, for two models."""
    results: dict[str, Any] = {}
    print("\nlr_schedule_curves: six schedules from three")
    for name in MULTI_POWER:
        tables: dict[str, list[Row]] = {}
        for row in read(f"lr_schedule_curves/model_{name}.csv"):
            tables.setdefault(row["schedule"], []).append(row)
        losses = {
            key: Curve(tuple(numbers(rows, "step")), tuple(numbers(rows, "loss"))) for key, rows in tables.items()
        }
        rates = {
            key: Curve(tuple(numbers(rows, "step")), tuple(numbers(rows, "learning_rate")))
            for key, rows in tables.items()
        }
        known = [key for key, rows in tables.items() if rows[0]["role"] == "fit"]
        began = time.process_time()
        law = ScheduleLaw.fit([losses[key] for key in known], [rates[key] for key in known])
        seconds = time.process_time() - began
        table: dict[str, Any] = {}
        for key in sorted(set(tables) - set(known)):
            measured = np.array(losses[key].values)
            found = law.predict(rates[key], losses[key].steps)
            inside = np.abs(found.mean - measured) < 1.645 * found.standard_deviation
            published = multi_power(name, np.array(losses[key].steps), rates[key])
            table[key] = {
                "ours": scored(found.mean, measured) | {"in 90 %": rounded(float(np.mean(inside)))},
                "multi-power law, published numbers": scored(published, measured),
            }
        means = {
            system: {
                figure: rounded_six(float(np.mean([row[system][figure] for row in table.values()])))
                for figure in next(iter(table.values()))[system]
            }
            for system in next(iter(table.values()))
        }
        results[name] = {"by schedule": table, "mean of six": means, "seconds to fit": rounded(seconds)}
        for system, figures in means.items():
            cells = "  ".join(f"{figure} {value:.5f}" for figure, value in figures.items())
            print(f"  {name:5} {system:36} {cells}" + (f"  {seconds:.2f} s to fit" if system == "ours" else ""))
    return results


def rounded_six(value: float) -> float:
    """Keep six digits: coefficients of determination near one differ in the fourth."""
    return float(f"{value:.6g}")


def scored(predicted: np.ndarray, measured: np.ndarray) -> dict[str, float]:
    """Give R2 and the mean absolute error."""
    left = float(np.sum((predicted - measured) ** 2) / np.sum((measured - measured.mean()) ** 2))
    return {
        "R2": rounded_six(1.0 - left),
        "absolute error": rounded_six(float(np.mean(np.abs(predicted - measured)))),
    }


def published_loss(rows: Sequence[Row]) -> np.ndarray:
    """Evaluate the published law of repeated data with its published numbers."""
    params, tokens, unique = (numbers(rows, name) for name in ("params", "train_tokens", "unique_tokens"))
    size, amount, exponent, floor = math.exp(6.255414), math.exp(7.3049974), 0.3526596, math.exp(0.6254804)
    reuse, excess = 15.387756, 5.309743
    ratio = (exponent * size / (exponent * amount)) ** (1.0 / (2.0 * exponent))
    best = np.minimum(params, unique * ratio**2)  # the parameters that are compute-optimal for the unique tokens
    more = np.maximum(params / best - 1.0, 0.0)
    again = np.maximum(tokens / unique - 1.0, 0.0)
    whole = best + best * excess * (1.0 - np.exp(-more / excess))
    seen = unique + unique * reuse * (1.0 - np.exp(-again / reuse))
    return np.asarray(floor + size / whole**exponent + amount / seen**exponent)


def repeated_data(splits: int) -> dict[str, Any]:
    """Random halves, and large models from small ones."""
    rows = [
        row
        for row in read("data_constrained/runs.csv")
        if row["deduplicated"] == "0" and float(row["val_loss"]) < 3.5
    ]
    inputs = ("params", "train_tokens", "unique_tokens")
    results: dict[str, Any] = {}
    print(f"\ndata_constrained: {len(rows)} rows, median miss")
    parts: dict[str, tuple[list[Row], list[Row]]] = {}
    for split in range(splits):
        order = np.random.default_rng(split).permutation(len(rows))
        half = len(rows) // 2
        parts[f"random half {split}"] = ([rows[i] for i in order[:half]], [rows[i] for i in order[half:]])
    small, large = ([row for row in rows if (float(row["params"]) < 2e9) == below] for below in (True, False))
    parts["2e9 parameters and more from below"] = (small, large)
    for label, (known, asked) in parts.items():
        question = Question(rows, known, asked, inputs, "val_loss")
        found = judged(question, four(question, None))
        found["published law"] = {"miss": [rounded(one) for one in misses(published_loss(asked), question.truth)]}
        line(f"  {label}, {len(known)} rows to {len(asked)}", found, np.median)
        results[label] = {
            system: {
                "median miss": rounded(float(np.median(cell["miss"]))),
                **({"in 90 %": rounded(float(np.mean(cell["in 90 %"])))} if "in 90 %" in cell else {}),
            }
            for system, cell in found.items()
        }
    return results


def main() -> None:
    """Run, print the tables, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS / "extrapolation.json")
    options = parser.parse_args()
    sections: dict[str, Callable[[], dict[str, Any]]] = {
        "llm_overtraining": over_training,
        "olmo_ladder": ladder,
        "lr_schedule_curves": schedules,
        "data_constrained": lambda: repeated_data(options.splits),
    }
    results = {}
    with threadpool_limits(1):
        for name, section in sections.items():
            if not (DATA / name).is_dir():
                print(f"{name} is left out: {DATA / name} is not here.")
                continue
            results[name] = section()
    if results:
        command = f"python -m benchmarks.extrapolation --splits {options.splits}"
        write(options.output, {**origin(command), "miss in percent": results})


if __name__ == "__main__":
    main()
