"""The study file: what it says comes out as it stands, and every mistake is named with its place."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.objective import Minimize, as_objective
from physai_inverse.space import Choice, Constant, Float, Integer, Ordinal, Shares, Space
from physai_inverse.space.beliefs import Belief
from physai_inverse.spec import (
    InvalidStudyFile,
    draft_for_command,
    draft_for_task,
    json_schema,
    load_spec,
    read_spec,
)
from physai_inverse.trainers import CommandTrainer, FunctionTrainer, may_stop, task_names

CONFIGS = Path(__file__).parents[2] / "configs"
STUDIES = sorted(CONFIGS.glob("*.yaml"))

TEXT = """\
name: small
space:
  lr: {type: float, low: 1e-4, high: 1.0, log: true}
  optimizer: {type: choice, values: [sgd, adamw]}
  momentum: {type: float, low: 0.0, high: 0.99, when: {optimizer: sgd}, default: 0.9}
  width: {type: integer, low: 8, high: 1e2, log: true}
  depth: {type: ordinal, levels: [1, 2, 4]}
  epochs: {type: constant, value: 20}
constraints: ["width * depth <= 256"]
objective: {minimize: val_loss, where: [parameters <= 1e5]}
metrics: {val_loss: validation loss}
trainer: {command: "python train.py --lr {lr} [--momentum {momentum}] --seed {seed}", metrics: "{out}/m.json"}
budget: 12
workers: 3
timeout: 60
seed: 7
store: data.db
baseline: random
confirm: 2
"""


def read(text: str, path: str = "study.yaml") -> InvalidStudyFile:
    with pytest.raises(InvalidStudyFile) as caught:
        read_spec(Path(path), text.encode())
    return caught.value


def replaced(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def test_a_file_says_what_its_objects_are() -> None:
    spec = read_spec(Path("folder/study.yaml"), TEXT.encode())
    assert spec.space == Space(
        lr=Float(1e-4, 1.0, log=True),
        optimizer=Choice(["sgd", "adamw"]),
        momentum=Float(0.0, 0.99, when={"optimizer": "sgd"}, default=0.9),
        width=Integer(8, 100, log=True),
        depth=Ordinal([1, 2, 4]),
        epochs=Constant(20),
        constraints=["width * depth <= 256"],
    )
    assert spec.objective == as_objective(["minimize val_loss", "parameters <= 1e5"])
    assert (spec.name, spec.budget, spec.workers, spec.timeout, spec.seed) == ("small", 12, 3, 60.0, 7)
    assert (spec.baseline, spec.confirm, spec.metrics) == (True, 2, {"val_loss": "validation loss"})
    assert spec.store == Path("folder/data.db").absolute()
    assert isinstance(spec.trainer, CommandTrainer)
    assert spec.trainer.timeout == 60.0
    assert spec.trainer.folder == str(Path("folder").absolute())


def test_what_is_left_out_has_a_default() -> None:
    text = "space: {x: {type: float, low: 0, high: 1}}\nobjective: {minimize: loss}\n"
    spec = read_spec(Path("mine.yaml"), text.encode())
    assert (spec.name, spec.budget, spec.workers, spec.seed, spec.timeout) == ("mine", 40, 1, 0, None)
    assert (spec.baseline, spec.confirm, spec.trainer) == (False, 0, None)
    assert spec.store == Path("mine.db").absolute()
    with pytest.raises(InvalidInput, match="has no `trainer`"):
        spec.require_trainer()


def test_a_url_stays_a_url_and_is_not_shown() -> None:
    text = TEXT.replace("store: data.db", "store: postgresql+psycopg://me:secret@host/db")
    spec = read_spec(Path("study.yaml"), text.encode())
    assert spec.store == "postgresql+psycopg://me:secret@host/db"
    assert "secret" not in repr(spec)


def test_a_function_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def train(config):\n    return {'loss': config['x']}\n")
    path = tmp_path / "study.yaml"
    path.write_text(
        "space: {x: {type: float, low: 0, high: 1}}\nobjective: {minimize: loss}\n"
        "trainer: {function: 'mine.py:train'}\n"
    )
    trainer = load_spec(path).require_trainer()
    assert isinstance(trainer, FunctionTrainer)
    assert trainer({"x": 0.5}, 0) == {"loss": 0.5}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_an_example_study_loads_and_fits_the_schema(path: Path) -> None:
    from physai_inverse.spec.document import read_document

    spec = load_spec(path)
    assert spec.trainer is not None
    jsonschema.validate(read_document(path.name, path.read_bytes()).content, json_schema())


def test_the_schema_beside_the_examples_is_the_present_one() -> None:
    assert json.loads((CONFIGS / "study.schema.json").read_text()) == json_schema()


@pytest.mark.parametrize("name", task_names())
def test_a_first_file_for_a_task_loads(name: str) -> None:
    spec = read_spec(Path("study.yaml"), draft_for_task(name).encode())
    assert spec.name == name
    assert spec.baseline


def test_a_first_file_for_a_command_has_its_placeholders_as_parameters() -> None:
    text = draft_for_command("python train.py --lr {lr} --my-thing {my-thing} --out {out}", "mine")
    spec = read_spec(Path("study.yaml"), text.encode())
    assert list(spec.space.parameters) == ["lr", "my-thing"]
    assert spec.objective == as_objective(Minimize("val_loss"))


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file() -> None:
    text = (
        replaced("low: 1e-4", 'low: "1e-4"').replace("type: choice", "type: chioce").replace("seed: 7", "sed: 7")
    )
    problems = read(text).problems
    assert [problem.split(": ")[0] for problem in problems] == [
        "study.yaml:3:26",
        "study.yaml:4:14",
        "study.yaml:16:1",
    ]


def test_a_crossed_range_is_refused_at_the_line_of_its_parameter() -> None:
    [problem] = read(replaced("low: 1e-4, high: 1.0, log: true", "low: 1.0, high: 1e-4")).problems
    assert problem.startswith(
        "study.yaml:3:26: space.lr.low: `low` must be below `high`, got low=1.0 and high=0.0001"
    )


def test_an_alias_stands_for_its_value() -> None:
    text = replaced("{type: ordinal, levels: [1, 2, 4]}", "&d {type: ordinal, levels: [1, 2, 4]}")
    text = text.replace("epochs: {type: constant, value: 20}", "layers: *d")
    assert read_spec(Path("study.yaml"), text.encode()).space.parameters["layers"] == Ordinal([1, 2, 4])


def test_nested_aliases_do_not_exhaust_the_machine() -> None:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert "cannot be more than 20000 values" in str(read("\n".join(lines)))


def test_a_missing_file_is_not_found_and_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="physai-inverse init"):
        load_spec(tmp_path / "no.yaml")


# text or (old, new) -> a part of the message
MISTAKES: list[tuple[str | tuple[str, str], str]] = [
    ("", ":1:1: expected keys such as `space`, `objective` and `trainer`, got an empty file"),
    ("# nothing\n", "got an empty file"),
    ("- 1\n", "got a list"),
    ("hello\n", "got one value"),
    ("a: [1,\n", "this is no YAML"),
    ("a: 1\n b: 2\n", ":2:3: this is no YAML: mapping values are not allowed here"),
    ("\ta: 1\n", ":1:1: this is no YAML"),
    ("a: 1\n---\nb: 1\n", "expected a single document"),
    ("a: *nowhere\n", "undefined alias"),
    ("a: !!python/object:os.system 1\n", "knows no tags"),
    ("a: \x01\n", "this is no YAML"),
    ("[" * 600, "nested"),
    ("1: 2\n", 'expected a name as key, got 1; a name goes in quotes: "1"'),
    ("<<: {a: 1}\n", "write the keys out"),
    (("seed: 7", "seed: 7\nseed: 8"), ":17:1: seed: this key stands twice; the first is in line 16"),
    (("lr:", "optimizer:"), "space.optimizer: this key stands twice"),
    (("seed: 7", "sed: 7"), ":16:1: sed: no such key. Did you mean `seed`?"),
    (("objective: {minimize: val_loss, where: [parameters <= 1e5]}\n", ""), "objective: this key is missing"),
    (("minimize: val_loss", "minimise: val_loss"), "objective.minimise: no such key in objective. Did you mean"),
    (("{minimize: val_loss, where: [parameters <= 1e5]}", "{}"), "An objective needs at least one goal"),
    (("where: [parameters <= 1e5]", "where: [parameters]"), "objective.where[0]: Cannot read the goal"),
    (("minimize: val_loss", "minimize: val_loss +"), "objective.minimize: Cannot read the expression"),
    (("minimize: val_loss", "minimize: val_loss, robust: {rate: 0.1}"), "objective.robust: `robust` speaks of"),
    (("minimize: val_loss", "seeds: 0.2, minimize: val_loss"), "objective.seeds: `seeds` must be a quantile"),
    (("where: [parameters <= 1e5]", "where: [parameters <= many]"), "Cannot read the number 'many'"),
    (("where: [parameters <= 1e5]", "where: 'val_loss = 1'"), "objective.where: `where` takes texts such as"),
    (("where: [parameters <= 1e5]", "target: 'rank = 0'"), "needs a `tolerance`"),
    (("minimize: val_loss", "minimize: 3"), "expected a text or a list such as [a, b], got 3"),
    (("minimize: val_loss", "minimize: val_loss, maximize: val_loss"), "wishes for ['val_loss'] more than once"),
    (("[parameters <= 1e5]", "[p <= 1, p >= 2]"), "exclude each other"),
    (("low: 1e-4", "low: '1e-4'"), "expected a number, got the text '1e-4'. Write the number without quotes."),
    (("low: 1e-4", "low: true"), "space.lr.low: expected a number, got true"),
    (("low: 1e-4", "low: .nan"), "expected a finite number, got nan"),
    (("low: 1e-4", "low: -.inf"), "expected a finite number, got -inf"),
    (("low: 1e-4", "low: null"), "expected a number, got nothing. Give a value, or remove the key."),
    (("low: 1e-4, ", ""), "space.lr.low: this key is missing; a parameter of type float needs `low`"),
    (("low: 1e-4", "low: 0"), ":3:26: space.lr.low: `low` must be above 0 on a logarithmic scale"),
    (("low: 1e-4", "low: 2"), "`low` must be below `high`"),
    (("low: 1e-4", "lo: 1e-4"), "space.lr.lo: no such key in space of type float. Did you mean `low`?"),
    (("log: true}\n  optimizer", "log: 1}\n  optimizer"), "space.lr.log: expected true or false, got 1"),
    (("high: 1e2", "high: 99.5"), "space.width.high: expected a whole number, got 99.5"),
    (("high: 1e2", "high: 1e15"), "`high` of an integer must be a whole number of at most"),
    (("type: choice", "type: choce"), "expected as `type` one of float, integer"),
    (("type: choice, ", ""), "space.optimizer: `type` is missing"),
    (("[sgd, adamw]", "[sgd, sgd]"), "space.optimizer.values: `values` must be different from each other"),
    (("[sgd, adamw]", "[sgd]"), "`values` must be at least two"),
    (("[sgd, adamw]", "sgd"), "space.optimizer.values: expected a list such as [a, b], got the text 'sgd'"),
    (("[sgd, adamw]", "[sgd, [a]]"), "space.optimizer.values[1]: expected"),
    (("{optimizer: sgd}", "{optimiser: sgd}"), ":5:55: space.momentum.when: `when` of `momentum` names"),
    (("{optimizer: sgd}", "{optimizer: adam}"), "asks for optimizer = 'adam', which cannot be"),
    (("{optimizer: sgd}", "{momentum: 0.5}"), "form a circle"),
    (("{optimizer: sgd}", "'width >'"), "Cannot read the expression"),
    (("{optimizer: sgd}", "'width + 1'"), "must be true or false"),
    (("{optimizer: sgd}", "'__import__(1)'"), "only these functions are known"),
    (("default: 0.9", "default: 1.5"), "momentum.default: `default`: expected a number in [0, 0.99], got 1.5"),
    (("width * depth <= 256", "widht * depth <= 256"), ":9:15: constraints[0]: The constraint"),
    (("width * depth <= 256", "width * depth"), "is a number; write a comparison"),
    (("width * depth <= 256", "width ; depth"), "Cannot read the expression"),
    (("{type: ordinal, levels: [1, 2, 4]}", "4"), "space.depth: expected keys with values, got 4"),
    (("lr:", "' lr':"), "A parameter name must be a text"),
    (("{val_loss: validation loss}", "{val_loss: 3}"), "val_loss: expected a text, got 3. Put it in quotes."),
    (("{lr}", "{lrr}"), "has the placeholder {lrr}, which is no parameter"),
    (("[--momentum {momentum}]", "--momentum {momentum}"), "put its arguments in square brackets"),
    (("--seed {seed}", "'"), "cannot be split into arguments"),
    (("{out}/m.json", "{outt}/m.json"), "trainer.metrics: `metrics` has the placeholder {outt}"),
    (("command: ", "comand: "), "expected one of `task:`, `command:` or `function:`, got comand, metrics"),
    (("{command: ", "{environment: {A: 1}, command: "), "trainer.environment.A: expected a text, got 1"),
    (("budget: 12", "budget: 0"), "budget: expected a number of at least 1, got 0"),
    (("budget: 12", "budget: 1.5"), "budget: expected a whole number, got 1.5"),
    (("workers: 3", "workers: two"), "workers: expected a whole number, got the text 'two'"),
    (("timeout: 60", "timeout: -1"), "timeout: expected a number above 0, got -1"),
    (("seed: 7", "seed: -7"), "seed: expected a number of at least 0, got -7"),
    (("seed: 7", f"seed: {10**400}"), "seed: expected"),
    (("seed: 7", f"seed: {'9' * 5000}"), "seed: cannot read"),
    (("store: data.db", "store: ':memory:'"), "store: expected a path or a URL"),
    (("baseline: random", "baseline: grid"), "baseline: expected `random`, got the text 'grid'"),
    (("confirm: 2", "confirm: -1"), "confirm: expected a number of at least 0, got -1"),
    (("name: small", "name: ''"), "name: A study name must be a text"),
    (("name: small", "name: [a]"), "name: expected a text, got a list"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[message[:60] for _, message in MISTAKES])
def test_a_mistake_is_named_with_its_place(mistake: str | tuple[str, str], message: str) -> None:
    text = mistake if isinstance(mistake, str) else TEXT.replace(*mistake, 1)
    assert text != TEXT
    error = read(text)
    assert message in str(error)
    for problem in error.problems:
        assert re.match(r"study\.yaml:\d+:\d+: ", problem)
        assert "\n" not in problem


LR = "{lr: {type: float, low: 0.1, high: 1}}"
TASK_MISTAKES: list[tuple[dict[str, str], str]] = [
    (
        {"space": LR.replace("lr", "lrr")},
        ":1:9: space.lrr: the task `digits` has no such parameter. Did you mean `lr`",
    ),
    ({"space": LR.replace("lr", "dropout")}, "space.dropout: `dropout` must be below 1, not 1.0"),
    ({"space": "{optimizer: {type: choice, values: [sgd, lion]}}"}, "space.optimizer: `optimizer` must be one of"),
    ({"space": "{lr: {type: choice, values: [fast, slow]}}"}, "space.lr: `lr` must be a finite number"),
    ({"objective": "loss"}, "objective: the task `digits` gives no metric `loss`. Did you mean"),
    ({"task": "digit"}, ":3:17: trainer.task: There is no task `digit`"),
    ({"settings": "{epoch: 3}"}, "trainer.settings: Task `digits` has no setting `epoch`"),
    ({"settings": "{epochs: -3}"}, "trainer.settings.epochs: `epochs` must be"),
]


@pytest.mark.parametrize(("parts", "message"), TASK_MISTAKES, ids=[message[:50] for _, message in TASK_MISTAKES])
def test_a_task_is_held_against_the_file(parts: dict[str, str], message: str) -> None:
    full = {"space": LR, "objective": "val_loss", "task": "digits", "settings": "{}", **parts}
    text = (
        f"space: {full['space']}\nobjective: {{minimize: {full['objective']}}}\n"
        f"trainer: {{task: {full['task']}, settings: {full['settings']}}}\n"
    )
    assert message in str(read(text))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "expected a YAML text in UTF-8, got the byte 0xff"),
        (b"a" * 1_000_001, "larger than the 1000 kB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        load_spec(path)


def test_a_folder_is_no_study_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        load_spec(tmp_path)


KNOWLEDGE = """\
start:
  - {lr: 1e-2, optimizer: adamw, width: 16, depth: 2}
beliefs:
  - {parameter: lr, near: 1e-3, factor: 3}
  - {parameter: depth, weights: {"2": 3}}
  - {config: {width: 32, optimizer: adamw}, factor: 2}
earlier: [old.yaml, other.db, {store: both.db, name: second}]
"""


def test_prior_knowledge_comes_out_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("name: before\nstore: kept/old.db\n")
    spec = read_spec(tmp_path / "study.yaml", (TEXT + KNOWLEDGE).encode())
    assert spec.start == ({"lr": 1e-2, "optimizer": "adamw", "width": 16, "depth": 2, "epochs": 20},)
    assert spec.beliefs == (
        Belief("lr", 1e-3, factor=3.0),
        Belief("depth", weights={2: 3.0}),
        Belief({"width": 32, "optimizer": "adamw"}, factor=2.0),
    )
    assert spec.earlier == (
        (tmp_path / "kept" / "old.db", "before"),
        (tmp_path / "other.db", None),
        (tmp_path / "both.db", "second"),
    )


def test_a_study_file_hands_its_knowledge_to_the_study(tmp_path: Path) -> None:
    space = "space: {lr: {type: float, low: 1e-4, high: 1.0, log: true, default: 0.01}}\n"
    goal = "objective: {minimize: loss}\n"
    (tmp_path / "old.yaml").write_text(space + goal)
    old = load_spec(tmp_path / "old.yaml").open_study()
    old.import_observations(
        [({"lr": 10.0**-power}, {"loss": abs(power - 2.5)}) for power in (1, 1.5, 2, 2.5, 3, 4)]
    )
    old.close()
    (tmp_path / "new.yaml").write_text(
        space + goal + "start: [{lr: 0.5}]\nbeliefs: [{parameter: lr, near: 1e-3}]\nearlier: [old.yaml]\n"
    )
    trials = load_spec(tmp_path / "new.yaml").open_study().suggest(4)
    assert [trial.note["kind"] for trial in trials] == ["given", "start", "earlier", "belief"]
    assert [trial.config["lr"] for trial in trials] == [0.5, 0.01, pytest.approx(10**-2.5), pytest.approx(1e-3)]


@pytest.mark.parametrize(
    ("addition", "place", "message"),
    [
        ("start: [{lr: 7.0}]", "start[0]", "`lr`: expected a number in"),
        ("start: {lr: 0.1}", "start", "expected a list"),
        ("beliefs: [{parameter: rate, near: 1}]", "beliefs[0]", "`rate`, which is no parameter"),
        ("beliefs: [{parameter: lr, near: 7.0}]", "beliefs[0]", "expected a number in [0.0001, 1]"),
        ("beliefs: [{parameter: lr, near: 0.1, factor: 0.5}]", "beliefs[0].factor", "above 1"),
        ("beliefs: [{parameter: lr, nere: 0.1}]", "beliefs[0].nere", "Did you mean `near`?"),
        ("beliefs: [{near: 0.1}]", "beliefs[0]", "either `parameter` or `config`"),
        ("beliefs: [{parameter: lr, near: 0.1}, {config: {lr: 0.2}}]", "beliefs", "Two beliefs speak of `lr`"),
        ("earlier: [nowhere.yaml]", "earlier[0]", "nowhere.yaml"),
        ("earlier: ['']", "earlier[0]", "expected a path or a URL"),
    ],
)
def test_knowledge_that_cannot_be_meant_is_named_with_its_place(addition: str, place: str, message: str) -> None:
    [problem] = read(TEXT + addition + "\n").problems
    assert problem.startswith(f"study.yaml:{TEXT.count(chr(10)) + 1}:")
    assert f" {place}: " in problem
    assert message in problem


MIXTURE = """\
space:
  mixture: {type: shares, parts: [web, code, books], least: {web: 0.1}, default: {web: 0.6, code: 0.3, books: 0.1}}
  lr: {type: float, low: 1e-4, high: 1.0, log: true}
constraints: ["code <= 0.5"]
objective: {minimize: loss}
trainer: {command: "train --web {web} --code {code} --books {books} --lr {lr}"}
start: [{web: 0.5, code: 0.25, books: 0.25, lr: 0.1}]
beliefs: [{parameter: code, near: 0.3, spread: 0.1}]
"""


def test_a_group_of_shares_is_read_and_fits_the_schema() -> None:
    spec = read_spec(Path("study.yaml"), MIXTURE.encode())
    default = {"web": 0.6, "code": 0.3, "books": 0.1}
    mixture = Shares(["web", "code", "books"], {"web": 0.1}, default=default)
    assert spec.space == Space(mixture=mixture, lr=Float(1e-4, 1.0, log=True), constraints=["code <= 0.5"])
    plain = {**spec.space.as_plain()["parameters"]}
    jsonschema.validate({"space": plain, "objective": {"minimize": "loss"}}, json_schema())
    assert mixture == Shares(**{key: value for key, value in plain["mixture"].items() if key != "type"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[web, code, books]", "[web]", "2:34: space.mixture.parts: `parts` must be at least two different names"),
        ("least: {web: 0.1}", "least: {wiki: 0.1}", "`least` speaks of ['wiki']"),
        ("least: {web: 0.1}", "least: '0.1'", "space.mixture.least"),
        ("web: 0.6", "web: 0.7", "`default`: `web`, `code`, `books` must add up to 1"),
        ("  lr:", "  web:", "['web'] stand twice"),
        ("web: 0.5,", "web: 0.4,", "must add up to 1"),
    ],
)
def test_a_mistake_in_shares_is_named_with_its_place(old: str, new: str, message: str) -> None:
    assert old in MIXTURE
    assert message in str(read(MIXTURE.replace(old, new)))


def test_batches_and_stopping_are_read_and_held_against_the_trainer() -> None:
    text = f"space: {LR}\nobjective: {{minimize: val_loss}}\n"
    task = "trainer: {task: digits, stop_early: true}\ntogether: 16\nstopping: halving\n"
    spec = read_spec(Path("study.yaml"), (text + task).encode())
    assert (spec.together, spec.stopping) == (16, "halving")
    assert may_stop(spec.require_trainer())
    plain = read_spec(Path("study.yaml"), (text + "trainer: {task: digits}\n").encode())
    assert (plain.together, plain.stopping) == (1, "probability")
    assert not may_stop(plain.require_trainer())
    with pytest.raises(InvalidStudyFile, match=r":5:11: together: a command trains one configuration at a time"):
        read_spec(Path("study.yaml"), (text + "trainer:\n  command: train --lr {lr}\ntogether: 2\n").encode())
    with pytest.raises(InvalidStudyFile, match="stopping"):
        read_spec(Path("study.yaml"), (text + "stopping: asha\n").encode())
