"""What a source is, told from what is in it; the name of a file only breaks ties."""

from collections.abc import Callable, Mapping
from pathlib import Path

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.importers.folders import walk
from physai_inverse.importers.reading import Reading, fit_records, make_reading
from physai_inverse.importers.runs import Source, Wanted
from physai_inverse.importers.table import Table
from physai_inverse.importers.texts import first_bytes, magic_of, read_text
from physai_inverse.space import Space

KINDS = ("csv", "json", "parquet", "optuna", "mlflow", "tensorboard", "wandb", "ray", "lightning")
"""What can be read; `kind` of `read_records` takes these words."""
EXPECTED = (
    "a table (CSV, JSON lines, JSON, Parquet), an Optuna storage, an MLflow store, a folder of TensorBoard "
    "events, of W&B offline runs, of Ray Tune results or of Lightning logs"
)
TABLE_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".json", ".parquet")
MAX_LISTED = 6


def read_records(
    source: str | Path,
    *,
    kind: str | None = None,
    mapping: Mapping[str, str] | None = None,
    censored: Mapping[str, tuple[str, float]] | None = None,
    experiment: str | None = None,
) -> Reading:
    """Read what another tool recorded, and decide what it means.

    Args:
        source: a file, a folder, or the URL of an Optuna storage.
        kind: one of `KINDS`, where what is in it leaves a doubt.
        mapping: column to what it is: `parameter`, `metric`, `parameter:NAME`, `metric:NAME`, `seed`, `seconds`,
            `state`, `reason`, `step`, `name`, another name, or empty to leave it out.
        censored: metric to `("above", bound)` or `("below", bound)`: what an empty cell of it means.
        experiment: which experiment, study or project, where the source holds several.

    Returns:
        Parameters, metrics, a first objective and the trainings, with the evidence for each decision.

    Raises:
        NotFound: there is no such source, or no such experiment in it.
        InvalidInput: it is not recognised, damaged, or holds no trainings that can be used.
        MissingPackage: the package that reads this kind is not installed; names the extra.
    """
    wanted = Wanted(dict(mapping or {}), _bounds(censored or {}), experiment)
    return make_reading(_read(str(source), kind, wanted), wanted)


def read_records_into(
    source: str | Path,
    space: Space,
    *,
    kind: str | None = None,
    mapping: Mapping[str, str] | None = None,
    experiment: str | None = None,
) -> Table:
    """Read what another tool recorded into a space that is there already; see `read_records` for the rest.

    Args:
        source: see `read_records`.
        space: of the study.
        kind: see `read_records`.
        mapping: see `read_records`.
        experiment: see `read_records`.

    Raises:
        NotFound, InvalidInput, MissingPackage: see `read_records`.
    """
    wanted = Wanted(dict(mapping or {}), {}, experiment)
    return fit_records(_read(str(source), kind, wanted), space, wanted)


def _bounds(censored: Mapping[str, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    for name, (side, bound) in censored.items():
        if side not in ("above", "below") or not bound == bound or abs(bound) == float("inf"):
            raise InvalidInput(
                f'`censored` of `{name}` must be ("above", BOUND) or ("below", BOUND), not {side!r}, {bound!r}.'
            )
    return dict(censored)


def _read(source: str, kind: str | None, wanted: Wanted) -> Source:
    from physai_inverse.importers import optuna_storages

    if kind is not None and kind not in KINDS:
        raise InvalidInput(f"`kind` must be one of {', '.join(KINDS)}, not {kind!r}.")
    if "://" in source:
        scheme, _, rest = source.partition("://")
        if scheme.startswith("sqlite"):
            return _read(rest.removeprefix("/"), kind, wanted)
        if scheme in ("http", "https", "s3", "gs", "ftp", "file"):
            raise InvalidInput(
                f"`{source}`: nothing is fetched from elsewhere. Copy it here, then import the copy."
            )
        return optuna_storages.read_optuna_url(source, wanted)
    path = Path(source)
    if not path.exists():
        raise NotFound(f"There is no file or folder `{source}`. Expected {EXPECTED}.")
    found = kind or (_kind_of_folder(path) if path.is_dir() else _kind_of_file(path))
    return _reader(found, path)(path, wanted)


def _reader(kind: str, path: Path) -> Callable[[Path, Wanted], Source]:
    """Give the reader of a kind; each is imported when it is used."""
    if kind in ("csv", "json", "parquet"):
        from physai_inverse.importers import tables

        return {"csv": tables.read_delimited, "json": tables.read_json, "parquet": tables.read_parquet}[kind]
    if kind == "mlflow":
        from physai_inverse.importers import mlflow_stores

        return mlflow_stores.read_mlflow_folder if path.is_dir() else mlflow_stores.read_mlflow_database
    if kind == "optuna":
        from physai_inverse.importers import optuna_storages

        database = magic_of(first_bytes(path)) == "sqlite"
        return optuna_storages.read_optuna_database if database else optuna_storages.read_optuna_journal
    if kind == "tensorboard":
        from physai_inverse.importers import tensorboard_events

        return tensorboard_events.read_tensorboard_folder
    if kind == "wandb":
        from physai_inverse.importers import wandb_runs

        return wandb_runs.read_wandb
    if kind == "ray":
        from physai_inverse.importers import ray_results

        return ray_results.read_ray_folder
    from physai_inverse.importers import lightning_logs

    return lightning_logs.read_lightning_folder


def _kind_of_file(path: Path) -> str:
    head = first_bytes(path)
    if not head:
        raise InvalidInput(f"`{path}` is empty. Expected {EXPECTED}.")
    magic = magic_of(head)
    if magic == "sqlite":
        return _kind_of_database(path)
    if magic in ("parquet", "wandb"):
        return magic
    if magic == "tensorboard":
        raise InvalidInput(f"`{path}` is one event file of TensorBoard; give the folder of the runs.")
    if magic == "pickle":
        raise InvalidInput(
            f"`{path}` is a pickle, which could run any program when it is opened. Export it as CSV or JSON."
        )
    if magic and magic != "gzip":
        raise InvalidInput(f"`{path}` is a {magic}, which is not read. Expected {EXPECTED}; export it as CSV.")
    text = read_text(path) if magic == "gzip" else _start(head)
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return "optuna" if '"op_code"' in text.lstrip().partition("\n")[0][:4000] else "json"
    if magic != "gzip":
        printable = sum(character.isprintable() or character in "\r\n\t" for character in text)
        if ("\0" in text and head[:2] not in (b"\xff\xfe", b"\xfe\xff")) or printable < 0.8 * len(text):
            raise InvalidInput(f"`{path}` is neither text nor of a known format. Expected {EXPECTED}.")
    return "csv"


def _start(head: bytes) -> str:
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    return head[: len(head) // 2 * 2].decode("utf-16", "replace") if wide else head.decode("utf-8-sig", "replace")


def _kind_of_database(path: Path) -> str:
    from physai_inverse.importers import mlflow_stores, optuna_storages
    from physai_inverse.importers.sqlite_file import open_foreign, tables_of

    with open_foreign(path) as connection:
        tables = tables_of(connection)
    if tables >= optuna_storages.TABLES:
        return "optuna"
    if tables >= mlflow_stores.TABLES:
        return "mlflow"
    shown = ", ".join(sorted(tables)[:MAX_LISTED]) or "no tables"
    if {"observation", "lease", "space"} <= tables:
        raise InvalidInput(
            f"`{path}` is a database of this program, which its study file opens; `export` makes a table of it."
        )
    raise InvalidInput(f"`{path}` is an SQLite database of neither Optuna nor MLflow; it has {shown}.")


def _kind_of_folder(folder: Path) -> str:
    """Tell what a folder holds; what one tool writes beside its own records for another does not count."""
    from physai_inverse.importers import mlflow_stores

    found: dict[str, Path] = {}
    tables: list[Path] = []
    for place, _, files in walk(folder):
        names = set(files)
        if "params.json" in names and names & {"result.json", "progress.csv", "error.txt"}:
            found.setdefault("ray", place)
        elif any("tfevents" in name for name in names):
            found.setdefault("tensorboard", place)
        if "metrics.csv" in names and ("hparams.yaml" in names or place.name.startswith("version_")):
            found.setdefault("lightning", place)
        if any(name.endswith(".wandb") for name in names):
            found.setdefault("wandb", place)
        tables += [place / name for name in files if name.endswith(TABLE_ENDINGS) and place == folder]
    if list(mlflow_stores.experiment_folders(folder)):
        found["mlflow"] = folder
    if "lightning" in found and found.get("tensorboard") == found["lightning"]:
        del found["tensorboard"]
    if len(found) == 1:
        return next(iter(found))
    if found:
        shown = ", ".join(f"{kind} (`{place}`)" for kind, place in found.items())
        raise InvalidInput(
            f"`{folder}` holds records of several tools: {shown}. Give the folder of one, or --kind."
        )
    databases = sorted(
        place for place in folder.iterdir() if place.is_file() and magic_of(first_bytes(place)) == "sqlite"
    )
    if databases or tables:
        shown = ", ".join(f"`{place}`" for place in [*databases, *tables][:MAX_LISTED])
        raise InvalidInput(
            f"`{folder}` is a folder with files that can be imported one by one: {shown}. Give one."
        )
    raise InvalidInput(f"`{folder}` holds nothing that is recognised. Expected {EXPECTED}.")
