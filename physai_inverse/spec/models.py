"""The shape of a study file: what its JSON Schema and its errors are made from.

Types are strict: a text is no number and a boolean is none, so that `"0.1"` and `yes` are asked about rather than
guessed at. Ranges, conditions and expressions are checked by the space and the objective themselves.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

JSONSchema: TypeAlias = dict[str, Any]


def _whole(value: object) -> object:
    """Take 1e3 as the whole number that it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Number = Annotated[float, Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_whole)]
Scalar: TypeAlias = bool | int | Number | str
When = Annotated[
    str | dict[str, Scalar | list[Scalar]] | None,
    Field(
        description="When the parameter is active: parent to the values that allow it, or an expression such as "
        '"depth >= 2".',
        examples=[{"optimizer": ["sgd"]}, "depth >= 2"],
    ),
]
Texts: TypeAlias = str | list[str]


class Model(BaseModel):
    """Strict, closed and frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FloatModel(Model):
    """A real number in [low, high]."""

    type: Literal["float"]
    low: Number = Field(description="The smallest value.")
    high: Number = Field(description="The largest value, above `low`.")
    log: bool = Field(False, description="Whether ratios count rather than differences; needs low > 0.")
    when: When = None
    default: Number | None = Field(None, description="Where to start; what trials before this parameter had.")


class IntegerModel(Model):
    """A whole number in [low, high]."""

    type: Literal["integer"]
    low: Whole = Field(description="The smallest value.")
    high: Whole = Field(description="The largest value, above `low`.")
    log: bool = Field(False, description="Whether ratios count rather than differences; needs low > 0.")
    when: When = None
    default: Whole | None = Field(None, description="Where to start; what trials before this parameter had.")


class OrdinalModel(Model):
    """One of several ordered levels."""

    type: Literal["ordinal"]
    levels: list[Scalar] = Field(description="At least two different values, in their order.")
    when: When = None
    default: Scalar | None = Field(None, description="Where to start; what trials before this parameter had.")


class ChoiceModel(Model):
    """One of several values without an order."""

    type: Literal["choice"]
    values: list[Scalar] = Field(description="At least two different values.")
    when: When = None
    default: Scalar | None = Field(None, description="Where to start; what trials before this parameter had.")


class BooleanModel(Model):
    """True or false."""

    type: Literal["boolean"]
    when: When = None
    default: bool | None = Field(None, description="Where to start; what trials before this parameter had.")


class ConstantModel(Model):
    """A value that every configuration has and that is never varied."""

    type: Literal["constant"]
    value: Scalar
    when: When = None


class SharesModel(Model):
    """Parts of a whole, which add up to one; a configuration has one number under each part's name."""

    type: Literal["shares"]
    parts: list[str] = Field(description="At least two names.", examples=[["web", "code", "books"]])
    least: Number | dict[str, Number] = Field(
        0.0, description="The smallest share of every part, or of some by name."
    )
    when: When = None
    default: dict[str, Number] | None = Field(
        None, description="Part to share: where to start; what trials before these shares had."
    )


ParameterModel = Annotated[
    FloatModel | IntegerModel | OrdinalModel | ChoiceModel | BooleanModel | ConstantModel | SharesModel,
    Field(discriminator="type"),
]


class ObjectiveModel(Model):
    """What is wanted, over any recorded metrics."""

    minimize: Texts = Field(
        [],
        description="A metric or an expression, or several.",
        examples=["val_loss", "loss + 0.1 * log10(params)"],
    )
    maximize: Texts = Field([], description="A metric or an expression, or several.", examples=["accuracy"])
    target: Texts = Field(
        [],
        description="A value to hit, with its tolerance, or a band whose middle is aimed at.",
        examples=["rank = 20 +- 1", "18 <= rank <= 22"],
    )
    where: Texts = Field(
        [],
        description="Limits that must be met, from one side or both.",
        examples=[["parameters <= 1e5", "0.2 <= sparsity <= 0.4"]],
    )
    robust: dict[str, Number] = Field(
        default_factory=dict,
        description="Judge a configuration by its neighbourhood: parameter to a reach, as a share of its range.",
        examples=[{"lr": 0.1}],
    )
    worst: bool = Field(False, description="Judge by the worst of that neighbourhood instead of its average.")
    seeds: Number | None = Field(
        None, description="Judge by this quantile over training seeds, between 0.5 and 1.", examples=[0.9]
    )
    reference: dict[str, Number] = Field(
        default_factory=dict,
        description="Of a trade-off: what is minimized or maximized to the worst value that still counts.",
        examples=[{"val_loss": 1.0, "params": 1e6}],
    )
    cost: str | None = Field(
        None,
        description="Propose what gains most for this cost: `seconds`, or a recorded metric.",
        examples=["seconds"],
    )


class FidelityModel(Model):
    """How much a training can be given; configurations begin at the lowest and are promoted."""

    name: str = Field(description="What the trainer calls it.", examples=["epochs"])
    low: Number = Field(description="Of the cheapest training worth looking at, above 0.")
    high: Number = Field(description="Of a full training.")
    integer: bool | None = Field(
        None, description="Whether it is a whole number; where both ends are, by default."
    )
    log: bool = Field(True, description="Whether rungs are spaced by a ratio, or evenly.")
    eta: Number = Field(3.0, description="Ratio of a rung to the one before; one of so many goes on.")
    resume: bool = Field(
        True, description="Whether trainings that are run elsewhere go on from where the lower rung stopped."
    )


class TaskModel(Model):
    """A built-in training; `physai-inverse tasks` lists them."""

    task: str = Field(description="Its name.", examples=["digits"])
    settings: dict[str, bool | int | Number | str | list[str]] = Field(
        default_factory=dict, description="Fixed settings that differ from their defaults."
    )
    stop_early: bool = Field(
        False, description="Whether to end a training once its curves look hopeless; its end is then not measured."
    )


class CommandModel(Model):
    """A program that is run once a training; no shell is involved."""

    command: str | list[str] = Field(
        description="The command, with {parameter}, {seed}, {config}, {out}, {python}, {checkpoint}, "
        "{resume_from} and the fidelity's name; arguments in [square brackets] are left out where their parameter "
        "is inactive. It runs in the folder of the study file.",
        examples=["python train.py --lr {lr} [--momentum {momentum}] --seed {seed}"],
    )
    metrics: str = Field(
        "stdout", description='Where the metrics are: "stdout" (JSON lines), or a path such as {out}/metrics.json.'
    )
    environment: dict[str, str] = Field(default_factory=dict, description="Variables to add.")
    stop_early: bool = Field(
        False, description="Whether to end a training once the curves that it prints look hopeless."
    )


class FunctionModel(Model):
    """A Python function `f(config)`, `f(config, seed)` or with more arguments, that gives metrics."""

    function: str = Field(
        description='"package.module:name" or "file.py:name", looked for from the folder of the study file.',
        examples=["train.py:train"],
    )


def _kind_of_trainer(value: object) -> str | None:
    keys = value if isinstance(value, dict) else type(value).model_fields if isinstance(value, Model) else ()
    return next((key for key in ("task", "command", "function") if key in keys), None)


TrainerModel = Annotated[
    Annotated[TaskModel, Tag("task")]
    | Annotated[CommandModel, Tag("command")]
    | Annotated[FunctionModel, Tag("function")],
    Discriminator(_kind_of_trainer),
]


class BeliefModel(Model):
    """What is believed of good configurations: one parameter (`near` or `weights`), or a configuration."""

    parameter: str | None = Field(None, description="The parameter's name.", examples=["lr"])
    near: Scalar | None = Field(None, description="The value that is near.", examples=[1e-3])
    factor: Number | None = Field(None, description="By how much it may well be off, above 1; 3 by default.")
    spread: Number | None = Field(None, description="The standard deviation, instead of `factor`.")
    weights: dict[str, Number] | None = Field(
        None, description="Value to relative weight, instead of `near`; values left out weigh 1."
    )
    config: dict[str, Scalar] | None = Field(
        None, description="A configuration or a part of one, instead of `parameter`."
    )


class EarlierModel(Model):
    """An earlier study in a database that holds several."""

    store: str = Field(description="The database: a path relative to the study file, or a URL.")
    name: str = Field(description="The study's name in it.")


class StudyModel(Model):
    """A study: what may be configured, what is wanted, and what turns a configuration into metrics."""

    name: str | None = Field(None, description="The study's name in its database; the file's name by default.")
    space: dict[str, ParameterModel] = Field(description="Parameter name to parameter, or to a group of shares.")
    constraints: Annotated[
        list[str], Field(description="What must hold between parameters.", examples=[["width * depth <= 2048"]])
    ] = []
    objective: ObjectiveModel
    fidelity: FidelityModel | None = Field(
        None, description="Epochs, a share of the data, a width: try many at little, train the best in full."
    )
    method: Literal["model", "random", "asha", "lowest"] = Field(
        "model", description="How configurations are chosen; asha and lowest need a fidelity."
    )
    metrics: Annotated[dict[str, str], Field(description="Metric name to its meaning and unit, for people.")] = {}
    trainer: TrainerModel | None = Field(
        None, description="What trains; may be left out where trainings are run elsewhere and only observed."
    )
    start: Annotated[
        list[dict[str, Scalar]], Field(description="Configurations to be trained before any other.")
    ] = []
    beliefs: Annotated[
        list[BeliefModel], Field(description="What is believed of good configurations; may be wrong.")
    ] = []
    earlier: Annotated[
        list[str | EarlierModel],
        Field(
            description="Earlier studies that share parameters: study files, or databases, relative to this file.",
            examples=[["last_month.yaml"]],
        ),
    ] = []
    budget: Annotated[Whole, Field(ge=1, description="How many trainings `run` makes.")] = 40
    workers: Annotated[Whole, Field(ge=1, description="How many trainings run at a time.")] = 1
    together: Annotated[
        Whole, Field(ge=1, description="How many are proposed and trained in one program, where the trainer can.")
    ] = 1
    stopping: Literal["probability", "halving", "none"] = Field(
        "probability", description="What stops hopeless trainings: their probability, or successive halving."
    )
    timeout: Annotated[Number, Field(gt=0)] | None = Field(None, description="Seconds a training may take.")
    seed: Annotated[
        Whole,
        Field(ge=0, lt=2**63, description="Makes proposals and trainings repeatable."),
        WithJsonSchema({"type": "integer", "minimum": 0, "default": 0}),
    ] = 0
    store: str | None = Field(
        None,
        description="The database: a path relative to the study file, or a URL; <study file>.db by default.",
    )
    baseline: Literal["random"] | None = Field(
        None, description="`random`: `run` gives random search the same number of trainings."
    )
    confirm: Annotated[
        Whole,
        Field(ge=0, description="Fresh trainings of each pick at the end of `run`."),
    ] = 0
