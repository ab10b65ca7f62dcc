"""Sources that cannot be meant: each ends in one line that says what was expected, what came and what to do."""

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from physai_inverse import Float, Space, Study
from physai_inverse.cli import app
from tests.importers import records

GOOD = "lr,width,loss\n0.1,8,0.5\n0.01,16,0.4\n0.001,32,0.3\n"


def text(name: str, content: str | bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def database(*statements: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "store.db"
        with sqlite3.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        return path

    return write


def mlflow_tables(*statements: str) -> Callable[[Path], Path]:
    return database(
        "CREATE TABLE experiments (experiment_id INTEGER, name TEXT)",
        "CREATE TABLE runs (run_uuid TEXT, status TEXT, start_time INTEGER, end_time INTEGER, "
        "lifecycle_stage TEXT, experiment_id INTEGER)",
        "CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT)",
        "CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, step INTEGER, "
        "is_nan INTEGER)",
        *statements,
    )


def folder_of(**files: str | bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        top = folder / "runs"
        top.mkdir()
        for name, content in files.items():
            path = top / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return top

    return write


def cut_gzip(folder: Path) -> Path:
    path = folder / "runs.csv.gz"
    path.write_bytes(gzip.compress(GOOD.encode() * 500)[:-20])
    return path


def damaged_database(folder: Path) -> Path:
    path = database("CREATE TABLE runs (x TEXT)")(folder)
    content = bytearray(path.read_bytes())
    content[100:400] = b"\xff" * 300
    path.write_bytes(bytes(content))
    return path


def own_database(folder: Path) -> Path:
    study = Study(Space(lr=Float(0.1, 1.0)), "minimize loss", store=folder / "mine.db", name="mine")
    study.close()
    return folder / "mine.db"


def mixed(folder: Path) -> Path:
    records.write_ray(folder / "all", records.rows(3))
    records.write_wandb(folder / "all", records.rows(3))
    return folder / "all"


def two_experiments(folder: Path) -> Path:
    store = records.write_mlflow_folder(folder, records.rows(4))
    other = records.write_mlflow_folder(folder / "other", records.rows(4)) / "123"
    other.rename(store / "456")
    (store / "456" / "meta.yaml").write_text("experiment_id: '456'\nname: letters\n")
    return store


def cut_journal(folder: Path) -> Path:
    path = folder / "journal.log"
    path.write_text(
        '{"op_code": 0, "worker_id": "a", "study_name": "s", "directions": [1]}\n{"op_code": 4, "work\n{}\n'
    )
    return path


def empty_wandb(folder: Path) -> Path:
    path = folder / "run-1.wandb"
    path.write_bytes(records.wandb_log({}, []))
    return path


def cut_wandb(folder: Path) -> Path:
    path = folder / "run-1.wandb"
    path.write_bytes(records.wandb_log({"lr": 0.1}, [{"loss": 1.0}])[:40])
    return path


def ray_without_results(folder: Path) -> Path:
    top = records.write_ray(folder, records.rows(2), failed=-1)
    for path in top.rglob("result.json"):
        path.write_text("")
    return top


def lightning_without_settings(folder: Path) -> Path:
    top = records.write_lightning(folder, records.rows(2))
    for path in top.rglob("hparams.yaml"):
        path.unlink()
    return top


CASES: list[tuple[str, Callable[[Path], Path], int, str]] = [
    ("nothing there", lambda folder: folder / "none.csv", 3, "There is no file or folder"),
    ("empty file", text("a.csv", ""), 2, "is empty. Expected a table"),
    ("blank file", text("a.csv", "\n \n"), 2, "is empty"),
    ("header alone", text("a.csv", "lr,loss\n"), 2, "has no rows; expected a header and at least one training"),
    ("one column", text("a.csv", "loss\n1\n2\n"), 2, "expected a header with at least two columns"),
    ("no header", text("a.csv", "0.1,8,0.5\n0.2,8,0.4\n"), 2, "expected a header with names of columns, got 0.1"),
    ("column twice", text("a.csv", "lr,lr,loss\n1,2,3\n"), 2, "`lr` stands twice; rename one"),
    ("every row ragged", text("a.csv", "lr,width,loss\n0.1,8\n0.2,8\n"), 2, "has no rows that fit its header"),
    ("open quote", text("a.csv", 'lr,loss\n"0.1,2\n0.2,3\n'), 2, "this is no CSV"),
    ("binary garbage", text("a.csv", bytes(range(256)) * 20), 2, "neither text nor of a known format"),
    ("wrong encoding", text("a.csv", "lr,naïve,loss\n1,2,3\n".encode("latin-1")), 2, "expected text in UTF-8"),
    ("zero bytes within", text("a.csv", GOOD + " " * 600 + "\0\n"), 2, "holds zero bytes"),
    ("cut gzip", cut_gzip, 2, "is cut: its gzip stream ends early"),
    ("false gzip", text("a.csv.gz", b"\x1f\x8b" + b"no gzip at all"), 2, "cannot be unpacked"),
    ("pickle", text("a.csv", b"\x80\x04\x95garbage"), 2, "is a pickle, which could run any program"),
    ("spreadsheet", text("a.csv", b"PK\x03\x04" + b"\0" * 90), 2, "zip archive or spreadsheet, which is not read"),
    ("cut parquet", text("a.parquet", b"PAR1" + b"\0" * 90), 2, "begins like Parquet and cannot be read"),
    ("list of numbers", text("a.json", "[1, 2, 3]"), 2, "item 1: expected an object, got 1"),
    ("cut JSON", text("a.json", '{"lr": 0.1, "loss"'), 2, "this is no JSON"),
    ("deep JSON", text("a.jsonl", '{"a":' * 5000), 2, "has no rows; expected objects"),
    ("JSON scalar", text("a.json", '{"loss": 3}'), 2, "expected at least one parameter that varies"),
    ("NaN alone", text("a.csv", "lr,loss\n1,nan\n2,nan\n3,nan\n"), 2, "left out were `loss` (empty in every row)"),
    ("no number", text("a.csv", "kind,text\na,b\nb,c\n"), 2, "expected at least one metric"),
    ("constants", text("a.csv", "lr,loss\n1,2\n1,3\n"), 2, "expected at least one parameter that varies"),
    ("nothing ended", text("a.csv", "lr,loss,state\n1,2,running\n2,3,running\n"), 2, "it has not ended (running)"),
    ("a chart", text("a.csv", "Step,r - loss,r - loss__MIN\n1,2,3\n2,3,4\n"), 2, "W&B's export of a chart"),
    ("database without tables", database("CREATE TABLE x (y)", "DROP TABLE x"), 2, "nor MLflow; it has no tables"),
    ("database of others", database("CREATE TABLE cats (name TEXT)"), 2, "it has cats"),
    ("a database of ours", own_database, 2, "is a database of this program, which its study file opens"),
    ("damaged database", damaged_database, 2, "the file is damaged"),
    ("MLflow without experiments", mlflow_tables(), 2, "at least one experiment with trainings, got none"),
    ("cut journal", cut_journal, 2, "is damaged"),
    ("empty folder", folder_of(), 2, "holds nothing that is recognised"),
    ("folder of tables", folder_of(a_dot_csv=GOOD, b_dot_csv=GOOD), 2, "files that can be imported one by one"),
    ("folder of several tools", mixed, 2, "holds records of several tools: ray"),
    ("two experiments", two_experiments, 2, "Say which experiment: --experiment NAME"),
    ("an event file", text("events.out.tfevents.1", b"\x18" + b"\0" * 9 + b"brain.Event:2"), 2, "give the folder"),
    ("events of garbage", folder_of(r__events_dot_out_dot_tfevents_dot_1=b"x" * 99), 2, "record 1 is damaged"),
    ("W&B without settings", empty_wandb, 2, "no configuration was recorded"),
    ("cut W&B log", cut_wandb, 2, "the log is cut"),
    ("W&B of garbage", text("run-1.wandb", b":W&B\xe1\xbe\x00" + b"\x07" * 90), 2, "the log is"),
    ("Ray without results", ray_without_results, 2, "expected trainings that have ended, got none"),
    ("Lightning without settings", lightning_without_settings, 2, "there is no hparams.yaml"),
    ("a web address", lambda _: Path("https://example.org/runs.csv"), 2, "nothing is fetched from elsewhere"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "code", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_malformed_source_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path], code: int, message: str
) -> None:
    from typer.testing import CliRunner

    source = make(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    given = "https://example.org/runs.csv" if str(source).startswith("https") else str(source)
    result = CliRunner().invoke(app, ["import", given])
    assert message in result.stderr, result.stderr
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert not list((tmp_path / "here").iterdir())


def test_a_locked_database_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from physai_inverse.importers import sqlite_file

    monkeypatch.setattr(sqlite_file, "WAIT_SECONDS", 0.05)
    path = mlflow_tables()(tmp_path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    result = CliRunner().invoke(app, ["import", str(path)])
    holder.close()
    assert result.exit_code == 2
    assert "another program writes to it; close that, or import a copy" in result.stderr


def test_the_pickles_beside_results_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins
    import io

    from physai_inverse.importers import read_records

    top = records.write_ray(tmp_path, records.rows(6))
    opened: list[str] = []
    for module in (builtins, io):
        plain = module.open

        def watched(
            path: object, *args: object, _plain: Callable[..., object] = plain, **options: object
        ) -> object:
            opened.append(str(path))
            return _plain(path, *args, **options)

        monkeypatch.setattr(module, "open", watched)
    read_records(top)
    assert any(path.endswith("result.json") for path in opened)
    assert not any(path.endswith(".pkl") for path in opened)
