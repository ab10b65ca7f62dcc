"""The command `import`: a study file and a store that every other command takes, and what is said on the way."""

import inspect
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

import physai_inverse
from physai_inverse.spec import load_spec
from physai_inverse.store import Store
from tests.cli.conftest import Cli
from tests.importers import records


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_becomes_a_study_that_every_command_takes(cli: Cli, here: Path) -> None:
    records.write_csv(here / "runs.csv", records.rows(24))
    result = cli("import", "runs.csv")
    assert (result.code, result.err) == (0, "")
    assert "Wrote runs.yaml and runs.db with 24 trainings." in result.out
    assert "Objective: minimize val_loss (a guess from the name `val_loss`)." in result.out
    assert "there exactly when optimizer = sgd" in " ".join(result.out.split())
    text = (here / "runs.yaml").read_text()
    assert "lr: {type: float, low: 0.0001, high: 0.1, log: true}" in text
    assert "# What is wanted (a guess from the name `val_loss`)" in text
    assert cli("suggest", "runs.yaml", "-n", 2).code == 0
    config = ["lr=0.01", "optimizer=adam", "width=32", "nesterov=true"]
    assert cli("predict", "runs.yaml", *config, "--json").code == 0
    assert cli("invert", "runs.yaml", "--minimize", "val_loss").code == 0
    assert cli("recommend", "runs.yaml").code == 0
    assert cli("report", "runs.yaml").code == 0
    [state] = [json.loads(line)["state"] for line in cli("show", "runs.yaml", "--json").out.splitlines()[2:3]]
    assert state == "diverged"


def test_a_study_that_is_there_is_not_replaced(cli: Cli, here: Path) -> None:
    records.write_csv(here / "runs.csv", records.rows(8))
    assert cli("import", "runs.csv").code == 0
    before = (here / "runs.yaml").read_bytes()
    result = cli("import", "runs.csv")
    assert (result.code, result.out) == (4, "")
    assert "`runs.yaml` is there already and is not replaced. Give another study file with --out" in result.err
    assert cli("import", "runs.csv", "--out", "again.yaml").code == 0
    assert (here / "runs.yaml").read_bytes() == before


def test_an_import_that_is_interrupted_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    records.write_csv(here / "runs.csv", records.rows(8))
    reading = physai_inverse.read_records("runs.csv")
    monkeypatch.setattr(physai_inverse.Study, "import_observations", interrupted)
    with pytest.raises(KeyboardInterrupt):
        physai_inverse.write_study(reading, "runs.yaml")
    assert [path.name for path in here.iterdir()] == ["runs.csv"]


def test_a_source_called_like_its_own_store_is_not_touched(cli: Cli, here: Path) -> None:
    from tests.importers.test_malformed import mlflow_tables

    path = mlflow_tables(
        "INSERT INTO experiments VALUES (1, 'e')",
        "INSERT INTO runs VALUES ('a', 'FINISHED', 1, 2, 'active', 1), ('b', 'FINISHED', 1, 2, 'active', 1)",
        "INSERT INTO params VALUES ('lr', '0.1', 'a'), ('lr', '0.2', 'b')",
        "INSERT INTO metrics VALUES ('loss', 1.0, 1, 'a', 0, 0), ('loss', 2.0, 1, 'b', 0, 0)",
    )(here)
    before = path.read_bytes()
    assert "Wrote store_study.yaml and store_study.db with 2 trainings." in cli("import", path.name).out
    assert path.read_bytes() == before


def test_twenty_rows_are_named_on_the_screen_and_all_as_json(cli: Cli, here: Path) -> None:
    good = records.write_csv(here / "runs.csv", records.rows(12)).read_text()
    (here / "runs.csv").write_text(good + "1,2\n" * 25)
    shown = cli("import", "runs.csv", "--dry-run")
    assert shown.out.count("expected 6 cells as in the header, got 2") == 20
    assert "Left out: 25" in shown.out
    assert "and 5 more; --json lists all." in shown.out
    [said] = [json.loads(line) for line in cli("import", "runs.csv", "--dry-run", "--json").out.splitlines()]
    assert len(said["left_out"]) == 25
    assert said["rows"] == 12
    assert said["objective"] == ["minimize val_loss"]
    assert {item["column"]: item["role"] for item in said["columns"]}["lr"] == "parameter"
    assert sorted(path.name for path in here.iterdir()) == ["runs.csv"]


def test_censored_cells_reach_the_store(cli: Cli, here: Path) -> None:
    lines = [f"{place + 1},{place % 4},{'' if place % 2 else place * 10}" for place in range(12)]
    (here / "grok.csv").write_text("lr,decay,steps_to_test\n" + "\n".join(lines) + "\n")
    assert "--censored steps_to_test=above:BOUND" in " ".join(cli("import", "grok.csv", "--dry-run").out.split())
    assert cli("import", "grok.csv", "--censored", "steps_to_test=above:1000").code == 0
    with Store(here / "grok.db", read_only=True) as store:
        bound = store.trial("grok", 1).metrics["steps_to_test"]
    assert bound == physai_inverse.Measurement(1000.0, censored="above")


def test_records_of_a_tool_are_added_to_a_study_that_exists(cli: Cli, here: Path) -> None:
    rows = records.rows(16)
    records.write_csv(here / "first.csv", rows)
    cli("import", "first.csv")
    records.write_ray(here / "ray", rows[:6])
    said = json.loads(cli("import", "first.yaml", "ray", "--json").out)
    assert said["numbers"] == list(range(16, 22))
    records.write_csv(here / "wide.tsv", [{**row, "lr": float(row["lr"]) * 100} for row in rows], "\t")
    refused = cli("import", "first.yaml", "wide.tsv")
    assert refused.code == 2
    assert "wide.tsv:3: `lr`: expected a number in [0.0001, 0.1]" in refused.err
    assert "nothing was imported; correct the rows, or leave them out with --skip-bad." in refused.err


def test_a_source_that_is_imported_again_adds_what_is_new(cli: Cli, here: Path) -> None:
    rows = [*records.rows(12), records.rows(12)[3]]  # two equal rows of one file are two replicates
    records.write_csv(here / "runs.csv", rows)
    cli("import", "runs.csv")
    again = cli("import", "runs.yaml", "runs.csv")
    assert (again.code, again.out) == (
        0,
        "Imported 0 new trainings. The study had 13 already (--again imports these, too).\n",
    )
    more = [{**row, "val_loss": float(row["val_loss"]) + 1} for row in rows[4:7]]
    records.write_csv(here / "runs.csv", [*rows, *more, rows[3]])
    said = json.loads(cli("import", "runs.yaml", "runs.csv", "--json").out)
    assert (said["numbers"], len(said["known"])) == ([13, 14, 15, 16], 13)
    assert "Imported 17 trainings: trials 17 to 33." in cli("import", "runs.yaml", "runs.csv", "--again").out


@pytest.mark.parametrize("write", [records.write_ray, records.write_wandb, records.write_mlflow_folder])
def test_runs_of_a_tool_are_known_by_its_own_names(
    cli: Cli, here: Path, write: Callable[[Path, list[dict[str, records.Value]]], Path]
) -> None:
    source = write(here / "tool", records.rows(10))
    assert cli("import", str(source), "--out", "first.yaml").code == 0
    count = len(cli("show", "first.yaml", "--json").out.splitlines())
    (here / "tool").rename(here / "moved")
    moved = str(here / "moved" / source.relative_to(here / "tool"))
    result = cli("import", "first.yaml", moved, "--map", "val_loss=metric:renamed", "--skip-bad", "--json")
    said = json.loads(result.out)
    assert (said["numbers"], len(said["known"])) == ([], count)
    assert count >= 8


def test_what_a_study_exports_it_knows_again(cli: Cli, here: Path) -> None:
    records.write_csv(here / "runs.csv", records.rows(12))
    cli("import", "runs.csv")
    for name in ("back.csv", "back.jsonl"):
        cli("export", "runs.yaml", name)
        assert "Imported 0 new trainings. The study had 12" in cli("import", "runs.yaml", name).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study.yaml"], "`study.yaml` is a study file; give what is to be imported into it, too"),
        (["a.csv", "b.csv", "c.csv"], "expected SOURCE, or STUDY SOURCE, got 3 places"),
        (["runs.csv", "--skip-bad"], "--skip-bad, --again and --grow need a study to add to"),
        (["runs.csv", "--again"], "--skip-bad, --again and --grow need a study to add to"),
        (["study.yaml", "runs.csv", "--out", "x.yaml"], "--out and --censored make a new study"),
        (["runs.csv", "--censored", "loss"], "`--censored` takes METRIC=above:BOUND"),
        (["runs.csv", "--censored", "loss=above:much"], "`--censored` takes METRIC=above:BOUND"),
        (["runs.csv", "--kind", "excel"], "`kind` must be one of csv, json, parquet"),
        (["runs.csv", "--map", "loss=step"], "`loss` was said to be the step"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(cli: Cli, here: Path, arguments: list[str], message: str) -> None:
    (here / "runs.csv").write_text("lr,loss\n1,x\n2,y\n")
    result = cli("import", *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert len(result.err.splitlines()) == 1


def test_every_option_and_kind_stands_in_the_docs() -> None:
    from physai_inverse.cli.import_command import import_records
    from physai_inverse.importers.recognition import KINDS

    docs = Path(__file__).parents[2] / "docs"
    section = (docs / "cli.md").read_text().partition("### import\n")[2].partition("\n### ")[0]
    options = [name.replace("_", "-") for name in inspect.signature(import_records).parameters]
    spelled = {"mapping": "map", "as-json": "json"}
    for option in options[1:]:
        assert f"--{spelled.get(option, option)}" in section or option == "grow", option
    assert "--grow" in section
    page = (docs / "import.md").read_text().lower()
    assert all(kind.replace("wandb", "w&b") in page for kind in KINDS)


@pytest.mark.parametrize("source", ["sqlite:///store.db", "store.db"])
def test_the_address_of_a_database_names_the_study_too(source: str) -> None:
    from physai_inverse.spec.imported import free_path

    assert str(free_path(source)) == "store_study.yaml"
    assert str(free_path("/data/runs.csv.gz")) == "runs.yaml"


def test_python_does_the_same_without_the_command_line(here: Path) -> None:
    records.write_csv(here / "runs.csv", records.rows(12))
    reading = physai_inverse.read_records("runs.csv")
    study = physai_inverse.write_study(reading, "mine.yaml")
    assert [trial.config for trial in study.trials] == [seen.config for seen in reading.observations]
    study.close()
    spec = load_spec(here / "mine.yaml")
    assert spec.space == reading.space
    assert spec.objective == reading.objective
    assert math.isnan(float(reading.observations[2].metrics["val_loss"]))
