"""What the commands do, seen from outside."""

import json
import math
import os
import stat
from pathlib import Path

import pytest

from physai_inverse.observations import Curve
from physai_inverse.spec import load_spec
from tests.cli.conftest import Cli, state_of


def lines(text: str) -> list[dict[str, object]]:
    def refuse(text: str) -> float:
        raise AssertionError(f"{text} is no strict JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_a_suggestion_is_a_json_line_with_what_a_program_needs(cli: Cli, study: Path) -> None:
    result = cli("suggest", study, "-n", 2, "--json")
    assert (result.code, result.err) == (0, "")
    found = lines(result.out)
    assert [set(line) for line in found] == [{"number", "config", "seed", "token", "note"}] * 2
    note = found[0]["note"]
    assert isinstance(note, dict)
    assert len(note["predicted"]["loss"]) == 3


def test_a_suggestion_for_people_shows_the_prediction(cli: Cli, study: Path) -> None:
    result = cli("suggest", study)
    assert result.code == 0
    assert "x=" in result.out
    assert "median and 90 % interval" in result.out
    assert "observe" in result.err


def test_suggest_and_observe_close_the_loop_by_json_lines(cli: Cli, fresh: Path) -> None:
    proposals = lines(cli("suggest", fresh, "-n", 3, "--json").out)
    reports = [{**proposal, "metrics": {"loss": 0.5}, "seconds": 2} for proposal in proposals]
    result = cli("observe", fresh, "--json-lines", "-", "--json", stdin="\n".join(map(json.dumps, reports)))
    assert (result.code, result.err) == (0, "")
    assert [line["state"] for line in lines(result.out)] == ["done"] * 3
    assert [trial.metrics for trial in load_spec(fresh).open_study().trials] == [{"loss": 0.5}] * 3


def test_metrics_in_every_form_are_recorded_as_they_are(cli: Cli, study: Path) -> None:
    forms = {
        "loss": 0.25,
        "nothing": "NaN",
        "much": "-Infinity",
        "steps_to": {"value": 500, "censored": "above"},
        "noisy": {"value": 1.0, "standard_error": 0.1},
        "curve": {"steps": [1, 2], "values": [1.0, "Infinity"]},
    }
    report = json.dumps({"number": 13, "metrics": forms})
    assert cli("observe", study, "--json-lines", "-", stdin=report).code == 0
    [shown] = lines(cli("show", study, "--trial", 13, "--json").out)
    assert shown["metrics"] == {**forms, "steps_to": {"value": 500.0, "censored": "above"}}
    assert cli("show", study, "--trial", 13).out.count("> 500") == 1


def test_arguments_report_numbers_nan_and_json(cli: Cli, study: Path) -> None:
    given = ["loss=0.25", "a=nan", "b=-inf", 'c={"value": 3, "censored": "below"}']
    result = cli("observe", study, 13, *given, "--seconds", 3)
    assert (result.code, result.out) == (0, "Trial 13 is done.\n")
    trial = load_spec(study).open_study().trial(13)
    assert math.isnan(float(trial.metrics["a"]))
    assert float(trial.metrics["b"]) == -math.inf
    assert trial.seconds == 3


def test_a_loss_that_is_no_number_is_a_diverged_training(cli: Cli, study: Path) -> None:
    result = cli("observe", study, 13, "loss=nan")
    assert (result.code, result.out) == (0, "Trial 13 is diverged.\n")


@pytest.mark.parametrize(
    ("options", "state"),
    [
        (["--failed", "it broke"], "failed"),
        (["--failed", "it exploded", "--kind", "diverged"], "diverged"),
        (["--kind", "out_of_memory"], "failed"),
        (["loss=1", "--stopped-early"], "stopped_early"),
    ],
)
def test_a_training_may_end_otherwise(cli: Cli, study: Path, options: list[str], state: str) -> None:
    assert cli("observe", study, 13, *options).out == f"Trial 13 is {state}.\n"


def test_lines_that_fail_are_named_and_the_others_are_recorded(cli: Cli, study: Path) -> None:
    text = '{"number": 0, "metrics": {"loss": 1}}\nnonsense\n{"number": 13, "metrics": {"loss": 1}}\n'
    result = cli("observe", study, "--json-lines", "-", stdin=text)
    assert result.code == 4
    assert result.out == "Trial 13 is done.\n"
    first, second = result.err.splitlines()
    assert first.startswith("Error: line 1: Trial 0 of study `small` is already done")
    assert second.startswith("Error: line 2: expected a JSON object, got 'nonsense'")


def test_a_late_result_says_so(cli: Cli, fresh: Path) -> None:
    [first] = lines(cli("suggest", fresh, "--lease", 0.01, "--json").out)
    import time

    time.sleep(0.05)
    [second] = lines(cli("suggest", fresh, "--json").out)
    assert (first["number"], first["config"]) == (second["number"], second["config"])
    assert cli("observe", fresh, 0, "loss=1", "--token", second["token"]).code == 0
    assert "late" in cli("observe", fresh, 0, "loss=2", "--token", first["token"]).out


def test_a_heartbeat_extends_a_lease(cli: Cli, fresh: Path) -> None:
    [proposal] = lines(cli("suggest", fresh, "--json").out)
    result = cli("heartbeat", fresh, 0, "--token", proposal["token"], "--lease", 120, "--json")
    assert lines(result.out) == [{"number": 0, "seconds_left": 120.0}]


def test_a_queued_configuration_is_suggested_first(cli: Cli, fresh: Path) -> None:
    assert cli("enqueue", fresh, "x=0.5", "kind=a").out == "Queued: trial 0.\n"
    assert lines(cli("suggest", fresh, "--json").out)[0]["config"] == {"x": 0.5, "kind": "a"}


def test_configurations_are_read_from_json_lines(cli: Cli, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "configs.jsonl"
    path.write_text('{"x": 0.5, "kind": "a"}\n{"config": {"x": 0.1, "kind": "b", "boost": 0.5}}\n')
    found = lines(cli("predict", study, path, "--json").out)
    assert [line["config"] for line in found] == [{"x": 0.5, "kind": "a"}, {"x": 0.1, "kind": "b", "boost": 0.5}]
    predictions = found[0]["predictions"]
    assert isinstance(predictions, dict)
    assert set(predictions) == {"loss", "parameters", "curve"}
    table = cli("predict", study, path, "--metric", "parameters").out
    assert "parameters" in table
    assert "loss" not in table


def test_a_prediction_has_the_meaning_of_its_metric(cli: Cli, study: Path) -> None:
    result = cli("predict", study, "x=0.05", "kind=a")
    assert result.code == 0
    assert "distance from the best x" in result.out


def test_an_inverse_query_is_answered(cli: Cli, study: Path) -> None:
    arguments = ["--target", "parameters = 20 +- 2", "--where", "loss <= 1"]
    [found] = lines(cli("invert", study, *arguments, "-n", 3, "--json").out)
    assert found["reachable"] is True
    configs = found["configs"]
    assert isinstance(configs, list)
    assert len(configs) == 3
    marginals, posterior = found["marginals"], found["posterior"]
    assert isinstance(marginals, list)
    assert [marginal["name"] for marginal in marginals] == ["x", "kind", "boost"]
    assert isinstance(posterior, dict)
    assert sum(point["weight"] for point in posterior["sample"]) == pytest.approx(1.0)
    shown = cli("invert", study, *arguments, "-n", 3).out
    assert "probability" in shown
    assert "Where the parameters lie among all configurations that meet the query" in shown


def test_an_answer_is_verified_by_trainings_of_it(cli: Cli, study: Path) -> None:
    query = ["invert", study, "--where", "parameters <= 60", "-n", 3]
    result = cli(*query, "--verify", 2)
    assert result.code == 0
    assert "The promise held: 2 of 2 trainings met parameters <= 60.0" in " ".join(result.out.split())
    [found] = lines(cli(*query, "--verify", 1, "--json").out)
    verification = found["verification"]
    assert isinstance(verification, dict)
    assert verification["met"] == 1
    [told] = lines(cli("show", study, "--trial", 14, "--json").out)
    assert told["origin"] == "verification"
    refused = cli("invert", study, "--where", "parameters <= -60", "--verify", 2)
    assert "Nothing was promised, so nothing is verified." in refused.out
    assert cli(*query, "--verify", 0).code == 2


def test_a_suggestion_is_explained(cli: Cli, study: Path) -> None:
    shown = cli("suggest", study, "--explain").out
    for words in ("Trial 14", "the best by the forward map", "expected gain", "nearest run", "fails", "diverged"):
        assert words in shown
    [found] = lines(cli("suggest", study, "--json").out)
    note = found["note"]
    assert isinstance(note, dict)
    assert {"kind", "predicted", "expected_gain", "failing", "nearest", "intent", "exploit"} <= set(note)


def test_a_suggestion_for_an_expression_with_a_cost_is_explained(cli: Cli, study: Path) -> None:
    wish = "loss + 0.01 * parameters"
    text = study.read_text()
    assert "objective: {minimize: loss}" in text
    study.write_text(
        text.replace("{minimize: loss}", f'{{minimize: "{wish}", robust: {{x: 0.05}}, cost: parameters}}')
    )
    shown = " ".join(cli("suggest", study, "--explain").out.split())
    for words in (f"predicted {wish}", f"in {wish}, over the best", "times what an ordinary configuration does"):
        assert words in shown
    query = cli("invert", study, "--where", f"0 <= {wish} <= 5", "--json")
    [found] = lines(query.out)
    assert found["reachable"] is True


def test_a_recommendation_names_a_trial(cli: Cli, study: Path) -> None:
    [found] = lines(cli("recommend", study, "--json").out)
    assert found["number"] in range(12)
    assert "Recommended: trial" in cli("recommend", study).out


def test_show_gives_every_trial(cli: Cli, study: Path) -> None:
    found = lines(cli("show", study, "--json").out)
    assert [line["state"] for line in found] == ["done"] * 12 + ["diverged", "running"]
    result = cli("show", study)
    assert "the loss exploded" in result.out
    assert "best measured" in result.out


def test_show_tells_how_far_a_running_trial_has_come(cli: Cli, study: Path) -> None:
    proposal = lines(cli("suggest", study, "--json").out)[0]
    number, token = proposal["number"], proposal["token"]
    assert isinstance(number, int)
    opened = load_spec(study).open_study()
    opened.store.note(opened.name, {number: {"loss": Curve((1, 20), (0.9, 0.25))}}, {number: str(token)})
    shown = lines(cli("show", study, "--trial", number, "--json").out)[0]
    assert shown["so_far"] == {"loss": {"steps": [1.0, 20.0], "values": [0.9, 0.25]}}
    assert "so far, at step 20" in cli("show", study, "--trial", number).out


def test_show_sorts_and_cuts(cli: Cli, study: Path) -> None:
    ordered = [line["metrics"]["loss"] for line in lines(cli("show", study, "--sort", "loss", "--json").out)]  # type: ignore[index]  # JSON
    assert len(ordered) == 12
    assert ordered == sorted(ordered)
    assert [line["number"] for line in lines(cli("show", study, "--last", 2, "--json").out)] == [12, 13]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_is_imported_again(cli: Cli, study: Path, tmp_path: Path, form: str) -> None:
    table = tmp_path / f"table.{form}"
    assert cli("export", study, table).err == f"Wrote 13 trainings to {table}.\n"
    other = study.with_name("other.yaml")
    other.write_text(study.read_text())
    assert cli("import", other, table).out == "Imported 13 trainings: trials 0 to 12.\n"
    again = tmp_path / f"again.{form}"
    cli("export", other, again)
    assert again.read_text().replace("imported", "queued") == table.read_text()


def test_an_export_to_standard_output_is_json_lines(cli: Cli, study: Path) -> None:
    result = cli("export", study, "-", "--all")
    assert result.err == ""
    found = lines(result.out)
    assert len(found) == 14
    assert found[0]["metrics"]["curve"]["steps"] == [1.0, 2.0]  # type: ignore[index]  # JSON


def test_rows_that_do_not_fit_stop_an_import_or_are_left_out(cli: Cli, fresh: Path, tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    table.write_text("rate,kind,loss\n0.1,a,1\n5,a,1\n0.2,c,1\n")
    refused = cli("import", fresh, table, "--map", "rate=x")
    assert (refused.code, refused.out, state_of(fresh)) == (2, "", None)
    assert len(refused.err.splitlines()) == 3
    checked = cli("import", fresh, table, "--map", "rate=x", "--skip-bad", "--dry-run")
    assert "1 trainings fit" in checked.out
    assert state_of(fresh) is None
    done = cli("import", fresh, table, "--map", "rate=x", "--skip-bad", "--json")
    [said] = lines(done.out)
    assert said["numbers"] == [0]
    assert "runs.csv:3: `x`: expected a number in [0.001, 1], got 5.0" in done.err
    assert "runs.csv:4: `kind`: expected one of ['a', 'b']" in done.err


def test_a_page_is_written(cli: Cli, study: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert cli("report", study, page).out == f"{page}\n"
    assert page.read_text().startswith("<!doctype html>") or "<html" in page.read_text()[:500]


def test_figures_are_drawn_beside_the_page(
    cli: Cli, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="the extra `figures` is not installed")
    drawn: list[Path] = []

    def note(_: object, path: Path) -> Path:
        drawn.append(path)
        return path

    monkeypatch.setattr("physai_inverse.report.figures.Figure.write", note)
    done = cli("report", study, tmp_path / "page.html", "--figures", tmp_path / "figures", "--format", "png")
    assert done.out == f"{tmp_path / 'page.html'}\n"
    assert done.err == f"Drew {len(drawn)} figures in {tmp_path / 'figures'}.\n"
    assert {(path.parent.name, path.suffix) for path in drawn} == {("figures", ".png")}


def test_a_format_without_a_folder_is_refused(cli: Cli, study: Path) -> None:
    result = cli("report", study, "--format", "png")
    assert result.code == 2
    assert "`--format` is of the files that `--figures FOLDER` asks for" in result.err


def test_backup_check_and_restore(cli: Cli, study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert cli("backup", study, copy).code == 0
    assert "is sound" in cli("check", study).out
    study.with_suffix(".db").write_bytes(b"no database at all" * 100)
    assert cli("check", study).code == 5
    result = cli("restore", study, copy)
    assert result.code == 0
    assert "The old database is" in result.out
    state = state_of(study)
    assert state is not None
    assert state[0] == 14


def test_check_finds_a_changed_value(cli: Cli, study: Path) -> None:
    path = study.with_suffix(".db")
    content = path.read_bytes()
    assert b"the loss exploded" in content
    path.write_bytes(content.replace(b"the loss exploded", b"the loss imploded"))
    result = cli("check", study)
    assert result.code == 5
    assert result.err.startswith("Error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("show",),
        ("recommend",),
        ("predict", "x=0.1", "kind=a"),
        ("invert", "--minimize", "parameters"),
        ("export", "-"),
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_read_only_database_is_read(cli: Cli, study: Path, arguments: tuple[str, ...]) -> None:
    path = study.with_suffix(".db")
    path.chmod(stat.S_IRUSR)
    result = cli(arguments[0], study, *arguments[1:])
    assert (result.code, result.err) == (0, "")


def test_reading_commands_leave_the_study_as_it_is(cli: Cli, study: Path, tmp_path: Path) -> None:
    before = state_of(study)
    for arguments in (
        ["recommend"],
        ["predict", "x=0.1", "kind=a"],
        ["invert", "--minimize", "parameters"],
        ["show"],
    ):
        assert cli(arguments[0], study, *arguments[1:]).code == 0
    assert cli("report", study, tmp_path / "page.html").code == 0
    assert state_of(study) == before


def test_a_space_that_has_grown_is_taken_only_when_asked(cli: Cli, study: Path) -> None:
    study.write_text(study.read_text().replace("high: 1.0, log: true", "high: 10.0, log: true"))
    refused = cli("suggest", study)
    assert refused.code == 4
    assert "--grow" in refused.err
    assert cli("suggest", study, "--grow").code == 0


def test_init_writes_a_file_that_loads_and_keeps_what_is_there(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert cli("init", path, "--command", "python3 train.py --lr {lr} --seed {seed}").code == 0
    assert load_spec(path).name == "mine"
    assert cli("init", path).code == 4
    assert load_spec(path).name == "mine"
    assert cli("init", path, "--task", "digits", "--force").code == 0
    assert load_spec(path).name == "digits"


def test_tasks_schema_and_version_need_no_study(cli: Cli) -> None:
    from physai_inverse import __version__
    from physai_inverse.spec import json_schema

    assert "digits" in cli("tasks").out
    assert {line["name"] for line in lines(cli("tasks", "--json").out)} >= {"digits", "modular_addition"}
    assert json.loads(cli("schema").out) == json_schema()
    assert cli("version").out == cli("--version").out == f"{__version__}\n"


def test_a_bug_of_ours_is_one_line(cli: Cli, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import physai_inverse.cli.opening

    def broken(path: Path) -> None:
        raise ZeroDivisionError(f"with {path.name}\nand more")

    monkeypatch.setattr(physai_inverse.cli.opening, "load", broken)
    result = cli("show", study)
    assert result.code == 70
    assert result.err == (
        "Error: ZeroDivisionError: with study.yaml and more "
        "(this is a bug in physai-inverse; set PHYSAI_TRACEBACK=1 to see where)\n"
    )
    monkeypatch.setenv("PHYSAI_TRACEBACK", "1")
    assert "ZeroDivisionError" in cli("show", study).err
    assert os.environ["PHYSAI_TRACEBACK"] == "1"


def test_beliefs_and_earlier_studies_of_the_command_line_are_used_and_told(
    cli: Cli, study: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(study.read_text().replace("name: small", "name: new"))
    believed = cli("suggest", new, "--belief", "x near 0.1 factor 2", "--earlier", study)
    assert believed.code == 0
    assert "beliefs: weight" in believed.out
    [other] = lines(cli("suggest", new, "--earlier", study.with_suffix(".db"), "--json").out)
    assert other["note"] == {"kind": "start"}  # the even points, by which what came before is judged
    for trial in load_spec(new).open_study().trials:
        assert cli("observe", new, trial.number, "loss=0.5").code == 0
    shown = cli("show", new).out
    assert "leaned on" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--belief", "x is small"), 2, "expected a belief such as 'lr near 1e-3 factor 3'"),
        (("--belief", "rate near 1"), 2, "`rate`, which is no parameter"),
        (("--earlier", "nowhere.yaml"), 3, "nowhere.yaml"),
        (("--earlier", "nowhere.db"), 3, "There is no database `nowhere.db`"),
    ],
)
def test_knowledge_that_cannot_be_used_stops_the_command(
    cli: Cli, fresh: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = cli("suggest", fresh, *arguments)
    assert result.code == code
    assert message in result.err


def test_fit_says_for_each_metric_how_far_to_believe_its_map(cli: Cli, study: Path) -> None:
    shown = cli("fit", study)
    assert (shown.code, shown.err) == (0, "")
    assert "loss: trust the map of it" in shown.out
    [found] = lines(cli("fit", study, "--metric", "loss", "--json").out)
    assert found["trust"] in ("inside the data", "only as a ranking", "not at all")
    assert isinstance(found["calibration"], list)
    assert len(found["calibration"]) == 9
    assert found["rows"] == 12


def test_fit_without_a_training_says_what_to_do(cli: Cli, fresh: Path) -> None:
    cli("suggest", fresh)
    empty = cli("fit", fresh)
    assert empty.code == 3
    assert "Observe or import a training first" in empty.err


def test_fit_names_the_metrics_that_there_are(cli: Cli, study: Path) -> None:
    unknown = cli("fit", study, "--metric", "lost")
    assert unknown.code == 3
    assert "'loss'" in unknown.err
