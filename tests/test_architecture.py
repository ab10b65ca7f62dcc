"""The floors of the house: an import may only go down, and workshops of one floor do not import each other."""

import ast
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "physai_inverse"

FLOORS: list[set[str]] = [
    {"errors", "seeds", "normal"},
    {"files", "expressions"},
    {"observations"},
    {"space", "objective", "fidelity", "executors"},
    {"forward"},
    {"surrogates", "inverse", "understanding", "trainers", "store", "importers"},
    {"study", "reproduction"},
    {"report", "spec", "adapters"},
    {"cli"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

HOMES = {
    "sqlalchemy": {"store"},
    "typer": {"cli"},
    "rich": {"cli"},
    "pydantic": {"spec"},
    "ruamel": {"spec", "trainers", "importers"},
    "plotly": {"report"},
    "matplotlib": {"report"},
    "sklearn": {"surrogates", "trainers"},
    "torch": {"trainers", "executors", "surrogates", "reproduction"},
    "botorch": {"surrogates", "inverse"},
    "gpytorch": {"surrogates", "inverse"},
    "optuna": {"adapters", "importers"},
    "pyarrow": {"importers"},
    "tensorboard": {"importers"},
    "ax": {"adapters"},
    "subprocess": {"trainers", "executors"},
    "multiprocessing": {"executors"},
    "sqlite3": {"store", "importers"},  # a foreign database is opened read-only, never through our own ledger
}
FORBIDDEN_CALLS = {"eval", "exec", "compile"}
FORBIDDEN_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
VAGUE = {"manager", "helper", "helpers", "utils", "util", "misc", "common", "base", "engine"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> list[tuple[str, int]]:
    """Every imported module of a file, also those for type checking and inside functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name, node.lineno) for name in names]
    return found


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in modules()} - {"__init__", "__main__"}
    assert rooms <= set(FLOOR_OF)


def test_imports_only_go_down_and_never_between_rooms_of_one_floor() -> None:
    wrong = []
    for path in modules():
        room = room_of(path)
        if room in ("__init__", "__main__"):
            continue
        for name, line in imports(path):
            parts = name.split(".")
            if parts[0] != "physai_inverse" or len(parts) < 2 or parts[1] == room or parts[1] not in FLOOR_OF:
                continue
            if FLOOR_OF[parts[1]] >= FLOOR_OF[room]:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {parts[1]}")
    assert not wrong


def test_modules_of_a_room_do_not_import_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in modules()}
    for name, path in names.items():
        graph[name] = set()
        for imported, _ in imports(path):
            for candidate in (imported, imported.rpartition(".")[0]):
                if candidate in names and candidate != name:
                    graph[name].add(candidate)
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for following in sorted(graph[name]):
                visit(following, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_each_library_has_one_home() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for path in modules()
        for name, line in imports(path)
        if name.split(".")[0] in HOMES and room_of(path) not in HOMES[name.split(".")[0]]
    ]
    assert not wrong


def test_no_code_is_made_from_data() -> None:
    wrong = []
    for path in modules():
        for name, line in imports(path):
            # A process and the workers that it starts itself speak by pickle through a pipe of their own.
            if name.split(".")[0] in FORBIDDEN_MODULES and room_of(path) != "executors":
                wrong.append(f"{path.name}:{line} imports {name}")
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                wrong.append(f"{path.name}:{node.lineno} calls {node.func.id}")
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if keyword.arg in ("shell", "allow_pickle") and value is True:
                    wrong.append(f"{path.name}:{node.lineno} sets {keyword.arg}=True")
    assert not wrong


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short_and_named_for_what_it_does(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450
    assert path.stem not in VAGUE


def test_files_are_written_in_one_place() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} calls {node.func.attr}"
        for path in modules()
        if room_of(path) != "files"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("write_text", "write_bytes")
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "files")
    ]
    assert not wrong


# BoTorch's linear_operator calls a deprecated decorator of torch while it is imported, and Ax its own old modules.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:ax.service.* has been moved:DeprecationWarning")
@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_can_be_imported_on_its_own(path: Path) -> None:
    if path.stem != "__main__":
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
