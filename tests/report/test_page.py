"""The page as text: what it says, what it leaves out, and that nothing can break out of it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from physai_inverse.errors import StoreUnavailable
from physai_inverse.forward import Scores
from physai_inverse.objective import AtLeast, AtMost, Maximize, Minimize, ObjectiveLike, Target
from physai_inverse.report import write_report
from physai_inverse.report.words import scalar
from physai_inverse.space import Choice, Constant, Float, Integer, Space
from physai_inverse.study import Study
from tests.fakes import Known, KnownSurrogate
from tests.report.demo import SPACE, SmallSurrogate, demo_campaign, demo_study
from tests.report.payloads import PAYLOADS


class Reader(HTMLParser):
    """Collects tags, attributes, texts and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._open = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  # the parser names it
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self._open != "style":
            self.words.append(data)


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8").replace("<wbr>", ""))  # where a name may break
    reader.close()
    return reader


def words(path: Path) -> str:
    return re.sub(r"\s+", " ", " ".join(read(path).words))


def titles(path: Path) -> list[str]:
    """The titles of all axes of all figures."""
    [text] = [text for attributes, text in read(path).scripts if attributes.get("id") == "figures"]
    layouts = [figure["layout"] for figure in json.loads(text)["figures"]]
    sides = [side for each in layouts for key, side in each.items() if key[1:5] == "axis"]
    return [side["title"]["text"] for side in sides if "title" in side]


def page_of(study: Study, folder: Path) -> Path:
    return write_report(study, folder / "page.html")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study, baseline, campaign = demo_campaign()
    return write_report(
        study,
        tmp_path_factory.mktemp("report") / "page.html",
        baseline=baseline,
        campaign=campaign,
        answers=[study.invert("sharpness = 20 +- 5", n=3)],
        labels={"val_loss": "validation loss"},
    )


def test_the_page_tells_its_story_from_top_to_bottom(page: Path) -> None:
    found = [value for _, name, value in read(page).attributes if name == "id"]
    story = ["asked", "found", "progress", "answers", "trust", "acting", "telling", "next", "rest"]
    rest = ["metrics", "tradeoffs", "failures", "trials"]
    assert [key for key in found if key in (*story, *rest)] == [*story, *rest]


def test_what_is_not_part_of_the_story_is_folded_away(page: Path) -> None:
    folded = re.findall(r'<details id="(\w+)">', page.read_text(encoding="utf-8"))
    assert folded == ["space", "metrics", "tradeoffs", "failures", "trials"]


def test_every_metric_has_a_verdict_held_out_values_and_a_calibration_curve(page: Path) -> None:
    text = words(page)
    for metric in ("val_loss", "params", "sharpness", "dead_units"):
        assert re.search(rf"{metric} : trust it", text)
        assert any(f"values of {metric} below it" in title for title in titles(page))
        assert any(f"{metric}, predicted without it" in title for title in titles(page))


def test_the_page_sets_the_best_configurations_side_by_side(page: Path) -> None:
    assert re.search(
        r"side by side ★ trial \d+ trial \d+ trial \d+ trial \d+ trial \d+ val_loss predicted", words(page)
    )


def test_the_page_proposes_what_the_study_suggests_and_claims_none_of_it(tmp_path: Path) -> None:
    study = demo_study(20)
    text = words(page_of(study, tmp_path))
    assert len(study.trials) == 20
    assert re.search(r"trial 20 trial 21 trial 22 trial 23 why", text)
    [next_one] = study.suggest(1)
    assert next_one.number == 20
    assert f"lr {scalar(next_one.config['lr'])} " in text.split("Nothing is claimed")[1]


def test_the_page_says_what_was_wanted_and_what_to_use(page: Path) -> None:
    text = words(page)
    assert "Minimize val_loss with params ≤ 60,000" in text
    assert re.search(r"Use the configuration of trial \d+ \. The forward map predicts val_loss", text)


def test_the_page_says_what_a_metric_means(page: Path) -> None:
    assert "val_loss validation loss" in words(page)


def test_the_page_sets_random_search_beside_the_study(page: Path) -> None:
    assert "Trained again with fresh seeds, it gives" in words(page)


def test_the_page_says_where_trainings_failed(page: Path) -> None:
    assert re.search(r"diverged \d+ all at lr ≥", words(page))


def test_every_trial_is_listed(page: Path) -> None:
    assert read(page).tags.count("tr") > 40


def test_the_page_refers_to_nothing_outside(page: Path) -> None:
    references = [value or "" for _, name, value in read(page).attributes if name in ("src", "href", "action")]
    assert all(reference.startswith("#") for reference in references)


def test_the_policy_allows_the_scripts_of_the_page_and_no_other(page: Path) -> None:
    reader = read(page)
    [policy] = [
        value for tag, name, value in reader.attributes if tag == "meta" and (value or "").startswith("default")
    ]
    code = [text for attributes, text in reader.scripts if attributes.get("type") != "application/json"]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in code}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert "'unsafe-inline'" not in re.findall(r"script-src [^;]*", policy)[0]


def test_the_figures_are_strict_json(page: Path) -> None:
    [text] = [text for attributes, text in read(page).scripts if attributes.get("id") == "figures"]

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse)["figures"]


def test_the_same_study_gives_the_same_page(tmp_path: Path) -> None:
    study = demo_study(15)
    first = write_report(study, tmp_path / "first.html").read_bytes()
    assert write_report(study, tmp_path / "second.html").read_bytes() == first


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"page\.html"):
        write_report(demo_study(0), tmp_path / "missing" / "page.html")


# -- studies of all kinds -----------------------------------------------------------------------------------


def test_a_study_without_trials_says_so(tmp_path: Path) -> None:
    assert "Nothing has been trained yet." in words(page_of(demo_study(0), tmp_path))


def test_one_trial_is_a_study(tmp_path: Path) -> None:
    study = demo_study(0)
    [trial] = study.suggest(1)
    study.observe(trial, {"val_loss": 0.5, "params": 100.0})
    assert "Use the configuration of trial 0" in words(page_of(study, tmp_path))


def test_failures_alone_are_a_study(tmp_path: Path) -> None:
    study = demo_study(0)
    for trial in study.suggest(3):
        study.fail(trial, "diverged")
    assert "No recommendation: all 3 trainings failed." in words(page_of(study, tmp_path))


def test_values_that_are_not_finite_are_shown_as_such(tmp_path: Path) -> None:
    study = demo_study(10)
    [trial] = study.suggest(1)
    study.observe(trial, {"val_loss": 0.3, "params": 100.0, "sharpness": float("inf"), "odd": float("nan")})
    text = words(page_of(study, tmp_path))
    assert "∞" in text
    assert "NaN" in text


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ((AtMost("params", 5000.0), AtLeast("sharpness", 10.0)), "Meet params ≤ 5,000 and sharpness ≥ 10"),
        ((Minimize("val_loss"), Maximize("sharpness")), "Minimize val_loss and maximize sharpness"),
        ((Target("sharpness", 20.0, 5.0),), "Reach sharpness = 20 ± 5"),
    ],
)
def test_every_kind_of_objective_has_a_page(objective: ObjectiveLike, expected: str, tmp_path: Path) -> None:
    text = words(page_of(demo_study(20, objective=objective, lucky=20), tmp_path))
    assert expected in text
    assert "Use the configuration of trial" in text


def test_many_metrics_are_folded_away(tmp_path: Path) -> None:
    study = Study(Space(x=Float(0.0, 1.0)), Minimize("m0"), surrogate=SmallSurrogate(), method="random")
    for trial in study.suggest(12):
        x = float(trial.config["x"])
        study.observe(trial, {f"m{place}": x**place + place for place in range(40)})
    text = words(page_of(study, tmp_path))
    assert "32 more metrics" in text
    assert "26 more metrics not shown." in text  # of the matrix


def test_two_trainings_are_a_study(tmp_path: Path) -> None:
    study = demo_study(0)
    for trial in study.suggest(2):
        study.observe(trial, {"val_loss": 0.5 + trial.number, "params": 100.0})
    text = words(page_of(study, tmp_path))
    assert "too few trainings to tell" in text
    assert "2 trainings · 6 parameters · 2 metrics" in text


def test_a_study_without_any_finite_metric_says_why_it_has_no_map(tmp_path: Path) -> None:
    study = Study(Space(x=Float(0.0, 1.0)), Minimize("loss"), surrogate=SmallSurrogate(), method="random")
    for trial in study.suggest(4):
        study.observe(trial, {"loss": float("nan"), "gap": float("inf")})
    text = words(page_of(study, tmp_path))
    assert "No forward map of loss: no finite value was recorded." in text
    assert "No recommendation: all 4 trainings failed." in text


def test_what_did_not_vary_is_said(tmp_path: Path) -> None:
    study = Study(
        Space(x=Float(0.0, 1.0), depth=Integer(1, 4), epochs=Constant(15)),
        Minimize("loss"),
        surrogate=SmallSurrogate(),
        method="random",
    )
    study.import_observations([({"x": x / 9, "depth": 2}, {"loss": x / 9}) for x in range(10)])
    text = words(page_of(study, tmp_path))
    assert "Constant: epochs = 15." in text
    assert "Never varied, so nothing is known of what it does: depth = 2." in text


def test_trainings_run_elsewhere_have_no_progress(tmp_path: Path) -> None:
    study = Study(Space(x=Float(0.0, 1.0)), Minimize("loss"), surrogate=SmallSurrogate(), method="random")
    study.import_observations([({"x": x / 9}, {"loss": x / 9}) for x in range(10)])
    assert "How fast it was found" not in words(page_of(study, tmp_path))


def test_of_many_parameters_the_smaller_effects_are_folded_away(tmp_path: Path) -> None:
    names = [f"p{place}" for place in range(20)]
    study = Study(
        Space({name: Float(0.0, 1.0) for name in names}),
        Minimize("loss"),
        surrogate=SmallSurrogate(),
        method="random",
    )
    for trial in study.suggest(24):
        study.observe(trial, {"loss": sum(float(trial.config[name]) for name in names[:3])})
    text = words(page_of(study, tmp_path))
    assert "14 more parameters, along which less moves" in text
    assert "8 parameters of smaller shares not shown." in text
    assert "Beside it the next best 4 configurations" in text


class Level(Known):
    """A flat metric, scored on as many values as there are."""

    def __init__(self) -> None:
        super().__init__(lambda units: np.full(len(units), 0.2))

    def held_out(self) -> Scores:
        values = np.linspace(0.0, 0.5, 1600)
        return Scores(
            rows=1600, rmse=0.1, r2=0.0, rank_correlation=0.0, log_density=0.0, coverage_50=0.5, coverage_90=0.9,
            crps=0.1, places=np.arange(1600), ranks=np.linspace(0.0, 1.0, 1600), predicted=np.full(1600, 0.2),
            low=values - 0.1, high=values + 0.1, measured=values,
        )  # fmt: skip


def test_of_thousands_of_trainings_an_even_share_is_shown_and_said(tmp_path: Path) -> None:
    study = Study(
        Space(x=Float(0.0, 1.0)), Minimize("loss"), surrogate=KnownSurrogate({"loss": Level()}), method="random"
    )
    study.import_observations([({"x": x / 1599}, {"loss": (x / 1599 - 0.3) ** 2}) for x in range(1600)])
    page = page_of(study, tmp_path)
    assert "of 1,600 are listed" in words(page)
    assert page.stat().st_size < 8e6


def test_a_curve_is_not_listed_beside_the_metric_that_it_leads_to(tmp_path: Path) -> None:
    study = demo_study(0)
    for trial in study.suggest(3):
        study.observe(trial, {"val_loss": 0.5, "params": 100.0, "val_loss_curve": {1: 0.9, 2: 0.5}})
    assert "val_loss_curve" not in words(page_of(study, tmp_path))


def test_constraints_are_pointed_out_where_they_blur_effects(tmp_path: Path) -> None:
    space = Space(SPACE.parameters, constraints=["width * batch <= 20000"])
    assert "Constraints tie parameters together" in words(page_of(demo_study(15, space=space), tmp_path))


def test_open_trials_are_counted(tmp_path: Path) -> None:
    study = demo_study(10)
    study.suggest(2)
    assert re.search(r"10(, \d of them failed)?, 2 open", words(page_of(study, tmp_path)))


# -- texts from outside -------------------------------------------------------------------------------------


def hostile_study() -> Study:
    """Every text that a user or a training gives is an attack."""
    names = iter(PAYLOADS)
    taken: list[str] = []

    def some(count: int) -> list[str]:
        new = [next(names) for _ in range(count)]
        taken.extend(new)
        return new

    first, second, third = some(3)
    categories = some(40)
    metrics = some(12)
    space = Space({first: Choice(categories), second: Float(1e-3, 1.0, log=True), third: Float(0.0, 1.0)})
    study = Study(space, Minimize(metrics[0]), name=some(1)[0], surrogate=SmallSurrogate(), method="random")
    for count, trial in enumerate(study.suggest(60)):
        if count < 40:
            value = float(trial.config[third])
            study.observe(trial, {name: value + place for place, name in enumerate(metrics)})
        else:
            study.fail(trial, next(names, PAYLOADS[count]), kind="bug")
    return study


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = {name: PAYLOADS[-1 - place] for place, name in enumerate(PAYLOADS[:3])}
    return write_report(hostile_study(), tmp_path_factory.mktemp("hostile") / "page.html", labels=labels)


def test_a_hundred_attacks_stay_texts(hostile: Path, page: Path) -> None:
    assert len(set(PAYLOADS)) >= 100
    reader, harmless = read(hostile), read(page)
    assert set(reader.tags) <= set(harmless.tags) | {"details", "summary"}
    assert len(reader.scripts) == 3
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert {name for _, name, _ in reader.attributes} <= {name for _, name, _ in harmless.attributes}


def test_no_figure_holds_markup(hostile: Path) -> None:
    [text] = [text for attributes, text in read(hostile).scripts if attributes.get("id") == "figures"]
    ours = {"<extra></extra>", "<br>"}

    def check(value: object) -> None:
        if isinstance(value, str):
            for piece in ours:
                value = value.replace(piece, "")
            assert "<" not in value
        elif isinstance(value, list):
            for part in value:
                check(part)
        elif isinstance(value, dict):
            for part in value.values():
                check(part)

    check(json.loads(text)["figures"])
