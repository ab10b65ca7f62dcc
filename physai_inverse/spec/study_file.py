"""The study file: a YAML file to a `Spec`, and the JSON Schema of such files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.fidelity import Fidelity
from physai_inverse.objective import Objective
from physai_inverse.observations import Config, Trainer, check_name
from physai_inverse.space import Space
from physai_inverse.space.beliefs import Belief
from physai_inverse.spec.document import Document, InvalidStudyFile, Keys, read_bytes, read_document
from physai_inverse.spec.findings import findings
from physai_inverse.spec.parts import Parts

if TYPE_CHECKING:
    from pydantic import BaseModel

    from physai_inverse.study import Study


@dataclass(frozen=True)
class Spec:
    """A study as its file describes it.

    Args:
        path: of the file.
        name: the study's name in its store.
        space: what may be configured.
        objective: what is wanted.
        metrics: metric name to meaning and unit, for people; may be empty.
        trainer: what trains; None where trainings are run elsewhere.
        budget: how many trainings `run` makes.
        workers: how many run at a time.
        together: how many are proposed at a time and trained in one program.
        timeout: seconds a training may take; None for no limit.
        seed: of the study.
        store: path of the database, or a URL.
        baseline: whether `run` gives random search the same number of trainings.
        confirm: fresh trainings of each pick at the end of `run`.
        fidelity: how much a training can be given; None for full trainings alone.
        method: how configurations are chosen.
        stopping: what stops hopeless trainings.
        start: configurations to be trained before any other.
        beliefs: what is believed of good configurations.
        earlier: earlier studies, each a store with the name of the study in it; None where it holds one.
    """

    path: Path
    name: str
    space: Space
    objective: Objective
    metrics: Mapping[str, str]
    trainer: Trainer | None = field(repr=False)
    budget: int
    workers: int
    timeout: float | None
    seed: int
    store: Path | str = field(repr=False)  # a URL may hold a password
    baseline: bool
    confirm: int
    fidelity: Fidelity | None = None
    method: str = "model"
    stopping: str = "probability"
    together: int = 1
    start: tuple[Config, ...] = ()
    beliefs: tuple[Belief, ...] = ()
    earlier: tuple[tuple[Path | str, str | None], ...] = field(default=(), repr=False)  # for the same reason

    def open_study(self, *, read_only: bool = False, grow: bool = False) -> "Study":
        """Open the study on its store.

        Raises:
            NotFound, Conflict, StoreDamaged, StoreUnavailable: see `Study`; also of an earlier study.
        InvalidInput: an earlier study shares no parameter with this one.
        """
        from physai_inverse.study import Study

        return Study(
            self.space,
            self.objective,
            store=self.store,
            name=self.name,
            seed=self.seed,
            read_only=read_only,
            grow=grow,
            fidelity=self.fidelity,
            method=self.method,
            stopping=self.stopping,
            start=self.start,
            beliefs=self.beliefs,
            earlier=self.earlier,
        )

    def require_trainer(self) -> Trainer:
        """Give the trainer.

        Raises:
            InvalidInput: the file has none.
        """
        if self.trainer is None:
            raise InvalidInput(
                f"`{self.path}` has no `trainer`, so nothing can be trained from here. Add one, or train "
                "elsewhere and use `suggest` and `observe`."
            )
        return self.trainer


def load_spec(path: str | Path) -> Spec:
    """Read a study file.

    Raises:
        NotFound: there is no such file.
        InvalidStudyFile: it has problems; all of them are named, each with file, line, column and key.
        InvalidInput: it cannot be read, or is no study file at all.
    """
    return read_spec(Path(path), read_bytes(Path(path)))


def read_spec(path: Path, content: bytes) -> Spec:
    """Read a study file's content; see `load_spec`.

    Args:
        path: where it stands or would stand; paths in it are relative to this file.
        content: of the file.
    """
    from pydantic import ValidationError

    from physai_inverse.spec.models import StudyModel

    document = read_document(str(path), content)
    try:
        model = StudyModel.model_validate(document.content)
    except ValidationError as error:
        raise InvalidStudyFile(tuple(findings(document, error, _known()))) from error
    plain = model.model_dump()
    parts = Parts(document)
    for name, keys in [
        *((name, ("space", name)) for name in model.space),
        *((name, ("metrics", name)) for name in model.metrics),
        *([(model.name, ("name",))] if model.name is not None else []),
    ]:
        with parts.refused_at(keys):
            check_name(name, {"space": "parameter", "metrics": "metric"}.get(keys[0], "study"))
    folder = path.absolute().parent
    space = parts.space(plain["space"], model.constraints)
    objective = parts.objective(plain["objective"], space)
    fidelity = parts.fidelity(plain["fidelity"], space, model.method)
    trainer: Trainer | None = None
    if plain["trainer"] is not None:
        trainer = parts.trainer(plain["trainer"], folder, space, model.timeout, fidelity)
        parts.known_metrics(plain["trainer"], folder, objective)
        parts.together(plain["trainer"], model.together)
    store = _store(document, parts, model.store, path)
    start = parts.start(model.start, space)
    beliefs = parts.beliefs(plain["beliefs"], space)
    earlier = _earlier(document, parts, plain["earlier"], path)
    if parts.problems:
        raise InvalidStudyFile(tuple(dict.fromkeys(parts.problems)))
    assert space is not None
    assert objective is not None
    return Spec(
        path=path,
        name=model.name or path.stem,
        space=space,
        objective=objective,
        metrics=dict(model.metrics),
        trainer=trainer,
        budget=model.budget,
        workers=model.workers,
        timeout=model.timeout,
        seed=model.seed,
        store=store,
        baseline=model.baseline is not None,
        confirm=model.confirm,
        fidelity=fidelity,
        method=model.method,
        stopping=model.stopping,
        together=model.together,
        start=start,
        beliefs=beliefs,
        earlier=earlier,
    )


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of study files, for editors."""
    from physai_inverse.spec.models import StudyModel

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **StudyModel.model_json_schema(),
        "title": "Study file of physai-inverse",
    }


def _store(document: Document, parts: Parts, given: str | None, path: Path, keys: Keys = ("store",)) -> Path | str:
    if given is None:
        return path.absolute().with_suffix(".db")
    if "://" in given:
        return given
    if not given or "\0" in given or given == ":memory:":
        text = f"expected a path or a URL, got {given!r}: every command opens the store anew."
        parts.problems.append(document.line(keys, text))
    return path.absolute().parent / given


def _earlier(
    document: Document, parts: Parts, given: list[str | dict[str, str]], path: Path
) -> tuple[tuple[Path | str, str | None], ...]:
    """Say where the earlier studies are; a study file stands for the database and the study that it names."""
    found: list[tuple[Path | str, str | None]] = []
    for index, item in enumerate(given):
        if isinstance(item, dict):
            found.append((_store(document, parts, item["store"], path, ("earlier", index, "store")), item["name"]))
        elif item.endswith((".yaml", ".yml")):
            try:
                found.append(place_of(path.absolute().parent / item))
            except (InvalidInput, NotFound) as error:
                parts.problems.append(document.line(("earlier", index), str(error)))
        else:
            found.append((_store(document, parts, item, path, ("earlier", index)), None))
    return tuple(found)


def place_of(path: Path) -> tuple[Path | str, str]:
    """Give the store of a study file and the study's name in it, whatever else the file says.

    Raises:
        NotFound: there is no such file.
        InvalidStudyFile: it is no YAML mapping, or its store is none.
        InvalidInput: it cannot be read.
    """
    document = read_document(str(path), read_bytes(path))
    parts = Parts(document)
    store, name = document.content.get("store"), document.content.get("name")
    place = _store(document, parts, None if store is None else str(store), path)
    if parts.problems:
        raise InvalidStudyFile(tuple(parts.problems))
    return place, path.stem if name is None else str(name)


def _known() -> dict[str, tuple[str, ...]]:
    from physai_inverse.spec import models

    def keys(model: "type[BaseModel]") -> tuple[str, ...]:
        return tuple(model.model_fields)

    kinds: dict[str, type[BaseModel]] = {
        "float": models.FloatModel,
        "integer": models.IntegerModel,
        "ordinal": models.OrdinalModel,
        "choice": models.ChoiceModel,
        "boolean": models.BooleanModel,
        "constant": models.ConstantModel,
    }
    return {
        "": keys(models.StudyModel),
        "objective": keys(models.ObjectiveModel),
        "fidelity": keys(models.FidelityModel),
        "beliefs": keys(models.BeliefModel),
        "earlier": keys(models.EarlierModel),
        "trainer.task": keys(models.TaskModel),
        "trainer.command": keys(models.CommandModel),
        "trainer.function": keys(models.FunctionModel),
        "types": tuple(kinds),
        **{f"space.{kind}": keys(model) for kind, model in kinds.items()},
    }
