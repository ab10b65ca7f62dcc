"""Bad input: one line that says what was expected and what came, an exit code, and an unchanged study."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from physai_inverse import Study
from physai_inverse.errors import Conflict, InvalidInput, NotFound, PhysaiInverseError
from physai_inverse.spec import load_spec
from physai_inverse.trainers import CommandTrainer, FunctionTrainer
from tests.cli.conftest import Cli, Result, state_of


def assert_refused(result: Result, code: int, message: str, lines: int = 1) -> None:
    assert message in result.err, result.err
    assert result.code == code, result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) == lines, result.err
    assert all(line.startswith("Error: ") for line in result.err.splitlines())


# arguments after the study file, exit code, a part of the message
COMMANDS: list[tuple[str, list[str], int, str]] = [
    ("suggest", ["-n", "0"], 2, "`num` must be a whole number of at least 1, not 0"),
    ("suggest", ["-n", "-3"], 2, "`num` must be a whole number of at least 1, not -3"),
    ("suggest", ["-n", "1.5"], 2, "'-n' / '--num': expected a whole number, got '1.5'"),
    ("suggest", ["-n", "many"], 2, "expected a whole number, got 'many'"),
    ("suggest", ["--lease", "-1"], 2, "`lease_seconds` must be"),
    ("suggest", ["--lease", "nan"], 2, "`lease_seconds` must be"),
    ("suggest", ["--worker", " "], 2, "A worker name must be a text of 1 to 200 printable characters"),
    ("suggest", ["--nonsense"], 2, "No such option: --nonsense"),
    ("observe", [], 2, "expected a trial's number and its metrics, or --json-lines FILE; got neither"),
    ("observe", ["13"], 2, "expected what trial 13 gave, such as val_loss=0.31, or --failed REASON; got nothing"),
    ("observe", ["x", "loss=1"], 2, "'NUMBER': expected a whole number, got 'x'"),
    ("observe", ["-1", "loss=1"], 2, "No such option: -1"),
    ("observe", ["--", "-1", "loss=1"], 3, "There is no trial -1"),
    ("observe", ["99", "loss=1"], 3, "There is no trial 99 in study `small`; it has trials 0 to 13"),
    ("observe", [str(10**30), "loss=1"], 3, "There is no trial"),
    ("observe", ["13", "loss"], 2, "expected metric=value such as val_loss=0.31, got 'loss'"),
    ("observe", ["13", "=1"], 2, "expected metric=value such as val_loss=0.31, got '=1'"),
    ("observe", ["13", "loss="], 2, "`loss` must be a number, not ''"),
    ("observe", ["13", "loss=low"], 2, "`loss` must be a number, not 'low'"),
    ("observe", ["13", "loss=1_0"], 2, "`loss` must be a number, not '1_0'"),
    ("observe", ["13", "loss=True"], 2, "`loss` must be a number, not 'True'"),
    ("observe", ["13", "loss=None"], 2, "`loss` must be a number, not 'None'"),
    ("observe", ["13", "loss=1+2j"], 2, "`loss` must be a number, not '1+2j'"),
    ("observe", ["13", "loss=1", "loss=2"], 2, "the metric `loss` stands twice"),
    ("observe", ["13", "accuracy=1"], 2, "lacks ['loss'], which the objective (minimize loss) speaks of"),
    ("observe", ["13", 'loss={"valeu": 1}'], 2, '`loss` must be a number, {"value": 0.3'),
    ("observe", ["13", 'loss={"value": 1'], 2, "expected a JSON object"),
    ("observe", ["13", 'loss={"value": 1, "censored": "up"}'], 2, '`censored` must be "above", "below" or None'),
    ("observe", ["13", 'loss={"value": 1, "standard_error": -1}'], 2, "must be a finite number of at least 0"),
    ("observe", ["13", 'loss={"steps": [1, 1], "values": [1, 2]}'], 2, "strictly increasing"),
    ("observe", ["13", 'loss={"steps": [1], "values": [1, 2]}'], 2, "one value a step"),
    ("observe", ["13", 'loss={"steps": 1, "values": [1]}'], 2, "steps and values of a curve must be lists"),
    ("observe", ["13", "loss=1", "--seconds", "-5"], 2, "`seconds` must be"),
    ("observe", ["13", "loss=1", "--seconds", "nan"], 2, "`seconds` must be"),
    ("observe", ["13", f"{'m' * 201}=1", "loss=1"], 2, "A metric name must be a text of 1 to 200"),
    ("observe", ["13", "a\nb=1", "loss=1"], 2, "A metric name must be a text of 1 to 200 printable"),
    ("observe", ["13", "loss=1", "--token", "not-mine"], 4, "`token` was never given for trial 13"),
    ("observe", ["13", "--failed", "x", "--kind", "odd"], 2, "`kind` must be one of ['diverged'"),
    ("observe", ["13", "--failed", "x", "--stopped-early"], 2, "either failed (--failed, --kind) or was stopped"),
    ("observe", ["13", "loss=1", "--json-lines", "-"], 2, "give either a trial with its metrics, or --json-lines"),
    ("observe", ["0", "loss=1"], 4, "Trial 0 of study `small` is already done"),
    ("observe", ["12", "loss=1"], 4, "Trial 12 of study `small` is already diverged"),
    ("observe", ["0", "--failed", "no"], 4, "is already done"),
    ("observe", ["--json-lines", "nowhere.jsonl"], 3, "There is no file `nowhere.jsonl`"),
    ("observe", ["--json-lines", "."], 2, "`.` cannot be read"),
    ("heartbeat", ["13"], 2, "Missing option '--token'"),
    ("heartbeat", ["13", "--token", "wrong"], 4, "The lease of trial 13 of study `small` is lost"),
    ("heartbeat", ["0", "--token", "wrong"], 4, "is already done; it needs no heartbeat"),
    ("heartbeat", ["99", "--token", "wrong"], 3, "There is no trial 99"),
    ("heartbeat", ["13", "--token", "wrong", "--lease", "inf"], 2, "`lease_seconds` must be"),
    ("enqueue", ["x=5", "kind=a"], 2, "`x`: expected a number in [0.001, 1], got 5.0"),
    ("enqueue", ["x=nan", "kind=a"], 2, "`x`: expected a number in [0.001, 1], got nan"),
    ("enqueue", ["x=high", "kind=a"], 2, "`x`: expected a number in [0.001, 1], got str 'high'"),
    ("enqueue", ["x=0.5", "kind=c"], 2, "`kind`: expected one of ['a', 'b'], got str 'c'"),
    ("enqueue", ["x=0.5"], 2, "`kind` is missing"),
    ("enqueue", ["x=0.5", "kind=b"], 2, "`boost` is missing"),
    ("enqueue", ["x=0.5", "kind=a", "boost=0.5"], 2, "`boost` is only active when kind = b; leave it out here"),
    ("enqueue", ["x=0.5", "kind=a", "y=1"], 2, "with a parameter out of x, kind, boost, got 'y=1'"),
    ("enqueue", ["x=0.5", "x=0.6", "kind=a"], 2, "`x` stands twice"),
    ("enqueue", ["x=0.5", "kind"], 2, "expected name=value with a parameter out of x, kind, boost, got 'kind'"),
    ("enqueue", ["nowhere.jsonl"], 3, "There is no file `nowhere.jsonl`"),
    ("predict", ["x=5", "kind=a"], 2, "`x`: expected a number in [0.001, 1], got 5.0"),
    ("predict", ["x=0.5", "kind=a", "--metric", "accuracy"], 3, "accuracy"),
    ("predict", [], 2, "CONFIG"),
    ("invert", [], 2, 'expected a query, such as --minimize val_loss --where "parameters <= 1e4"; got none'),
    ("invert", ["--minimize", "accuracy"], 3, "accuracy"),
    ("invert", ["--minimize", ""], 2, "A metric name must be a text"),
    ("invert", ["--where", "loss"], 2, "Cannot read the goal 'loss'"),
    ("invert", ["--where", "loss <= low"], 2, "Cannot read the number 'low' in the goal 'loss <= low'"),
    ("invert", ["--where", "loss <= nan"], 2, "`bound` of a goal must be a finite number"),
    ("invert", ["--where", "minimize loss"], 2, "`where` takes texts such as 'params <= 1e5'"),
    ("invert", ["--target", "loss <= 1"], 2, "`target` takes texts such as 'rank = 20 +- 1'"),
    ("invert", ["--target", "loss = 0"], 2, "A target of 0 for `loss` needs a `tolerance`"),
    ("invert", ["--target", "loss = 1 +- -1"], 2, "`tolerance` must be above 0"),
    ("invert", ["--minimize", "loss", "--maximize", "loss"], 2, "wishes for ['loss'] more than once"),
    ("invert", ["--where", "loss <= 1", "--where", "loss >= 2"], 2, "exclude each other"),
    ("invert", ["--minimize", "loss", "-n", "0"], 2, "`n` must be a whole number of at least 1, not 0"),
    ("run", ["--budget", "0"], 2, "`--budget` must be at least 1, not 0"),
    ("run", ["--budget", "-5"], 2, "`--budget` must be at least 1, not -5"),
    ("run", ["--workers", "0"], 2, "`--workers` must be at least 1, not 0"),
    ("run", ["--confirm", "-1"], 2, "`--confirm` must be at least 0, not -1"),
    ("show", ["--trial", "99"], 3, "There is no trial 99"),
    ("show", ["--trial", "-1"], 3, "There is no trial -1"),
    ("show", ["--last", "0"], 2, "`--last` must be at least 1, not 0"),
    ("show", ["--sort", "accuracy"], 3, "has given the metric `accuracy`; recorded are: loss, parameters"),
    ("import", ["nowhere.csv"], 3, "There is no file `nowhere.csv`"),
    ("import", ["runs.xlsx"], 3, "There is no file or folder `runs.xlsx`"),
    ("import", ["runs.csv", "--map", "x"], 2, "`--map` takes COLUMN=NAME, such as learning_rate=lr, not 'x'"),
    ("import", ["runs.csv", "--map", "a=x", "--map", "a=y"], 2, "`--map` names the column `a` twice"),
    ("export", ["table.xlsx"], 2, "`table.xlsx` must end in .csv or .jsonl"),
    ("export", ["no/such/folder/table.csv"], 5, "`no/such/folder/table.csv` could not be written"),
    ("report", ["no/such/folder/page.html"], 5, "`no/such/folder/page.html` could not be written"),
    ("restore", ["nowhere.db"], 3, "There is no backup at"),
    ("nonsense", [], 2, "No such command 'nonsense'"),
    ("sugest", [], 2, "Did you mean 'suggest'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "arguments", "code", "message"),
    COMMANDS,
    ids=[f"{command} {' '.join(arguments)[:40]}" for command, arguments, _, _ in COMMANDS],
)
def test_a_command_with_bad_input_is_refused(
    cli: Cli,
    study: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(study.parent)
    before = state_of(study)
    assert_refused(cli(command, study, *arguments), code, message)
    assert state_of(study) == before


LINES: list[tuple[str, int, str]] = [
    ("nonsense", 2, "line 1: expected a JSON object, got 'nonsense'"),
    ("[13]", 2, "expected a JSON object, got '[13]'"),
    ('{"number": 13', 2, "expected a JSON object"),
    ('{"number": 13, "number": 1, "metrics": {"loss": 1}}', 2, "the key `number` stands twice"),
    ('{"metrics": {"loss": 1}}', 2, "`number` must be a trial's number, not None"),
    ('{"number": "13", "metrics": {"loss": 1}}', 2, "`number` must be a trial's number, not '13'"),
    ('{"number": true, "metrics": {"loss": 1}}', 2, "`number` must be a trial's number, not True"),
    ('{"number": 13.0, "metrics": {"loss": 1}}', 2, "`number` must be a trial's number, not 13.0"),
    ('{"number": 13}', 2, "`metrics` is missing"),
    ('{"number": 13, "metric": {"loss": 1}}', 2, "no such key `metric`; expected number, token, metrics"),
    ('{"number": 13, "metrics": {}}', 2, "`metrics` lacks ['loss']"),
    ('{"number": 13, "metrics": [1]}', 2, "`metrics` must be names with numbers"),
    ('{"number": 13, "metrics": 0.5}', 2, "`metrics` must be names with numbers"),
    ('{"number": 13, "metrics": {"loss": "0.5"}}', 2, "not the text '0.5'; write it without quotes"),
    ('{"number": 13, "metrics": {"loss": "abc"}}', 2, "`loss` must be a number, not the text 'abc'"),
    ('{"number": 13, "metrics": {"loss": null}}', 2, "`loss` must be a number, not NoneType null"),
    ('{"number": 13, "metrics": {"loss": true}}', 2, "`loss` must be a number, not bool True"),
    (f'{{"number": 13, "metrics": {{"loss": {10**400}}}}}', 2, "`loss` is too large for a 64-bit float"),
    ('{"number": 13, "metrics": {"loss": [1]}}', 2, "`loss` must be a number, not list [1]"),
    ('{"number": 13, "metrics": {"loss": {"steps": [], "values": []}}}', 2, "at least one step"),
    ('{"number": 13, "metrics": {"": 1, "loss": 1}}', 2, "A metric name must be a text"),
    ('{"number": 13, "metrics": {"a\\u0000": 1, "loss": 1}}', 2, "A metric name must be a text"),
    ('{"number": 13, "token": 5, "metrics": {"loss": 1}}', 2, "`token` must be a text, not 5"),
    ('{"number": 13, "token": "wrong", "metrics": {"loss": 1}}', 4, "line 1: "),
    ('{"number": 13, "metrics": {"loss": 1}, "seconds": "long"}', 2, "`seconds` must be a number"),
    ('{"number": 13, "metrics": {"loss": 1}, "seconds": -1}', 2, "`seconds` must be"),
    (
        '{"number": 13, "metrics": {"loss": 1}, "stopped_early": 1}',
        2,
        "`stopped_early` must be true or false, not 1",
    ),
    ('{"number": 13, "failed": 3}', 2, "`failed` must be a text, not 3"),
    ('{"number": 13, "failed": "x", "kind": "odd"}', 2, "`kind` must be one of"),
    ('{"number": 99, "metrics": {"loss": 1}}', 3, "There is no trial 99"),
    ('{"number": -1, "metrics": {"loss": 1}}', 3, "There is no trial -1"),
    ('{"number": 0, "metrics": {"loss": 1}}', 4, "Trial 0 of study `small` is already done"),
    ("[" * 100_000, 2, "expected a JSON object"),
]


@pytest.mark.parametrize(("line", "code", "message"), LINES, ids=[line[:60] for line, _, _ in LINES])
def test_a_bad_line_is_refused(cli: Cli, study: Path, line: str, code: int, message: str) -> None:
    before = state_of(study)
    assert_refused(cli("observe", study, "--json-lines", "-", stdin=line + "\n"), code, message)
    assert state_of(study) == before


# what is replaced in the study file, exit code, a part of the message; see tests/spec for the whole list
FILES: list[tuple[str, str, int, str]] = [
    ("high: 1.0, log", "high: 1e-5, log", 2, ":3:25: space.x.low: `low` must be below `high`"),
    ("low: 1e-3", "low: 0", 2, "`low` must be above 0 on a logarithmic scale"),
    ("low: 1e-3", "low: '1e-3'", 2, "expected a number, got the text '1e-3'"),
    ("when: {kind: b}", "when: {kinds: b}", 2, "`when` of `boost` names ['kinds'], which is no parameter"),
    ("when: {kind: b}", "when: 'boost > 0'", 2, "form a circle"),
    ("when: {kind: b}", "when: {kind: c}", 2, "asks for kind = 'c', which cannot be"),
    ("budget: 6", "budgets: 6", 2, "budgets: no such key. Did you mean `budget`?"),
    ("objective: {minimize: loss}", "objective: {}", 2, "An objective needs at least one goal"),
    ("space:", "space", 2, "this is no YAML"),
    ("name: small", "name: small\nseed: 5", 4, "The study `small` has the seed 0, not 5"),
    ("values: [a, b]", "values: [d, b]", 4, "The space differs from the one that the study `small` was made with"),
    ("name: small", "name: small\nstore: elsewhere/x.db", 3, "elsewhere/x.db`: its folder does not exist"),
    ("name: small", "name: small\nstore: mysql://host/db", 2, "must be SQLite or PostgreSQL, not `mysql`"),
    ("name: small", "name: small\nstore: .", 5, "is a folder. Give the path of a file in it"),
]


@pytest.mark.parametrize(("old", "new", "code", "message"), FILES, ids=[row[3][:50] for row in FILES])
def test_a_bad_study_file_is_refused(cli: Cli, study: Path, old: str, new: str, code: int, message: str) -> None:
    text = study.read_text()
    assert old in text
    before = state_of(study)
    study.write_text(text.replace(old, new, 1))
    assert_refused(cli("suggest", study), code, message)
    assert state_of(study) == before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    path.write_bytes(b"\x93" * 16 + path.read_bytes()[16:])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trials (number INTEGER)")
    connection.close()


def text_file(path: Path) -> None:
    path.write_text("these are my notes\n" * 100)


@pytest.mark.parametrize("command", [["show"], ["suggest"], ["observe", "13", "loss=1"], ["check"]], ids=str)
@pytest.mark.parametrize("damage", [cut, garble, empty, foreign, text_file])
def test_a_damaged_or_foreign_database_is_refused_and_left_alone(
    cli: Cli, study: Path, damage: Callable[[Path], None], command: list[str]
) -> None:
    database = study.with_suffix(".db")
    damage(database)
    before = database.read_bytes()
    result = cli(command[0], study, *command[1:])
    assert_refused(result, 5, str(database), lines=len(result.err.splitlines()))
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    "command", [["show"], ["observe", "13", "loss=1"], ["recommend"], ["export", "-"], ["check"]]
)
def test_a_study_that_was_not_begun_says_how(cli: Cli, fresh: Path, command: list[str]) -> None:
    result = cli(command[0], fresh, *command[1:])
    assert_refused(result, 3, f"Begin with `physai-inverse run {fresh}`")
    assert state_of(fresh) is None


def test_nothing_can_be_asked_of_a_study_without_results(cli: Cli, fresh: Path) -> None:
    assert cli("suggest", fresh).code == 0
    before = state_of(fresh)
    assert_refused(cli("recommend", fresh), 3, "Nothing to recommend yet")
    assert_refused(cli("predict", fresh, "x=0.5", "kind=a"), 3, "Nothing to predict from")
    assert_refused(cli("invert", fresh, "--minimize", "loss"), 3, "loss")
    assert state_of(fresh) == before


def test_an_unreadable_study_file_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\x00\xff\xfe")
    assert_refused(cli("show", path), 2, f"{path}:1:1: expected a YAML text in UTF-8, got the byte 0xff")
    assert_refused(cli("show", tmp_path), 2, "is a folder")
    assert_refused(cli("show", tmp_path / "no.yaml"), 3, "There is no study file")
    path.write_bytes(b"#" * 1_000_001)
    assert_refused(cli("show", path), 2, "is larger than the 1000 kB")


def test_a_backup_that_is_no_store_is_not_restored(cli: Cli, study: Path, tmp_path: Path) -> None:
    before = state_of(study)
    copy = tmp_path / "copy.db"
    copy.write_text("no store")
    assert_refused(cli("restore", study, copy), 5, "copy.db")
    assert_refused(cli("restore", study, study.with_suffix(".db")), 2, "must not be the store itself")
    assert_refused(cli("backup", study, study.with_suffix(".db")), 2, "the store itself")
    assert state_of(study) == before


def test_a_database_that_cannot_be_written_is_named(study: Path, cached: dict[str, str]) -> None:
    """As root nothing is read-only by its mode; the attribute that stops root, too, is tried where it exists."""
    import os
    import sys

    database = study.with_suffix(".db")
    command = [sys.executable, "-m", "physai_inverse", "suggest", str(study)]
    prefix: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("as root nothing is read-only, and there is no setpriv")
        for folder in study.parents[:3]:
            folder.chmod(0o755)
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    study.parent.chmod(0o555)
    database.chmod(0o444)
    study.chmod(0o444)
    before = database.read_bytes()
    cached = {**cached, "PYTHONPYCACHEPREFIX": "", "PYTHONDONTWRITEBYTECODE": "1"}
    probe = subprocess.run([*prefix, sys.executable, "-c", "0"], capture_output=True, check=False, env=cached)
    if probe.returncode:
        pytest.skip("another user may not run this Python")
    result = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False, env=cached)
    study.parent.chmod(0o755)
    assert_refused(Result(result.returncode, result.stdout, result.stderr), 5, str(database))
    assert database.read_bytes() == before


BROKEN_TRAINERS: list[tuple[str, str]] = [
    ("{command: \"python3 -c 'print(1)'\"}", "The command ended well and reported no metric"),
    ('{command: "python3 -c \'import sys; sys.exit(\\"no GPU\\")\'"}', "no GPU"),
    ("{command: 'no-such-program --x {x}'}", "The command cannot be started"),
    ("{command: \"python3 -c 'print(1)'\", metrics: '{out}/m.json'}", "its metrics cannot be read from"),
    ("{function: 'nowhere.py:train'}", "nowhere.py"),
    ("{function: 'train.py:rain'}", "`train.py` has no `rain`; its functions are `train`"),
    ("{function: 'no_such_module:train'}", "There is no module `no_such_module`"),
]


@pytest.mark.parametrize(("trainer", "message"), BROKEN_TRAINERS, ids=[row[1][:40] for row in BROKEN_TRAINERS])
def test_a_trainer_that_gives_nothing_stops_the_run_with_its_reason(
    cli: Cli, fresh: Path, trainer: str, message: str
) -> None:
    fresh.write_text(fresh.read_text().replace('{function: "train.py:train"}', trainer))
    result = cli("run", fresh, "--budget", 3)
    last = result.err.splitlines()[-1]
    assert result.code in (1, 2)
    assert last.startswith("Error: ")
    assert message in last
    assert "Traceback (most recent call last)" not in last.partition("says:")[0]
    study = load_spec(fresh).open_study()
    assert all(trial.status == "failed" and trial.reason for trial in study.trials)


def test_a_study_without_a_trainer_cannot_run(cli: Cli, fresh: Path) -> None:
    fresh.write_text(fresh.read_text().replace('trainer: {function: "train.py:train"}\n', ""))
    assert_refused(cli("run", fresh), 2, "has no `trainer`, so nothing can be trained from here")
    assert state_of(fresh) is None


def test_a_table_with_bad_rows_changes_nothing(cli: Cli, study: Path, tmp_path: Path) -> None:
    table = tmp_path / "runs.jsonl"
    rows = [{"config": {"x": x, "kind": "a"}, "metrics": {"loss": 1}} for x in (0.5, 5, 50)]
    table.write_text("\n".join(map(json.dumps, rows)))
    before = state_of(study)
    result = cli("import", study, table)
    assert_refused(result, 2, "runs.jsonl:2: `x`: expected a number in [0.001, 1], got 5.0", lines=3)
    assert "nothing was imported" in result.err
    assert state_of(study) == before


PYTHON: list[tuple[Callable[[Study], object], type[PhysaiInverseError], str]] = [
    (lambda study: study.observe(13, {"loss": "0.5"}), InvalidInput, "`loss` must be a number, not str '0.5'"),
    (lambda study: study.observe(13, {"loss": None}), InvalidInput, "`loss` must be a number, not NoneType"),
    (lambda study: study.observe(13, {"loss": True}), InvalidInput, "`loss` must be a number, not bool True"),
    (lambda study: study.observe(13, {"loss": 1j}), InvalidInput, "`loss` must be a number, not complex"),
    (lambda study: study.observe(13, {"loss": 10**400}), InvalidInput, "too large for a 64-bit float"),
    (lambda study: study.observe(13, 0.5), InvalidInput, "`metrics` must map metric names to numbers"),
    (lambda study: study.observe(13, {}), InvalidInput, "`metrics` lacks ['loss']"),
    (lambda study: study.observe("13", {"loss": 1}), InvalidInput, "`trial` must be a trial or its number"),
    (lambda study: study.observe({"lr": 0.1}, {"loss": 1}), InvalidInput, "import_observations"),
    (lambda study: study.observe(99, {"loss": 1}), NotFound, "There is no trial 99"),
    (lambda study: study.observe(-1, {"loss": 1}), NotFound, "There is no trial -1"),
    (lambda study: study.observe(0, {"loss": 1}), Conflict, "is already done"),
    (lambda study: study.fail(12, "again"), Conflict, "is already diverged"),
    (lambda study: study.enqueue([{"x": float("nan"), "kind": "a"}]), InvalidInput, "got nan"),
    (lambda study: study.enqueue([{"x": "0.5", "kind": "a"}]), InvalidInput, "got str '0.5'"),
    (lambda study: study.enqueue([{"x": 0.5, "kind": "a"}, {"x": 99, "kind": "a"}]), InvalidInput, "got 99.0"),
    (lambda study: study.import_observations([({"x": 99, "kind": "a"}, {"loss": 1})]), InvalidInput, "row 0"),
    (lambda study: study.import_observations([({"x": 0.5, "kind": "a"}, {})]), InvalidInput, "no metrics were"),
    (lambda study: study.suggest(0), InvalidInput, "`num` must be a whole number of at least 1, not 0"),
    (lambda study: study.predict([{"x": 0.5}]), InvalidInput, "`kind` is missing"),
    (lambda study: study.invert("minimize accuracy"), NotFound, "accuracy"),
    (lambda study: CommandTrainer("python train.py {x"), InvalidInput, "brace"),
    (lambda study: FunctionTrainer("nowhere")({"x": 0.5}, 0), InvalidInput, '"package.module:function"'),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), PYTHON, ids=[row[2][:40] for row in PYTHON])
def test_the_same_in_python_is_a_named_error(
    study: Path, call: Callable[[Study], object], kind: type[PhysaiInverseError], message: str
) -> None:
    before = state_of(study)
    opened = load_spec(study).open_study()
    with pytest.raises(kind) as caught:
        call(opened)
    opened.close()
    assert message in str(caught.value)
    assert state_of(study) == before
