"""A study's record in its store: made, or found and held against what is asked for."""

from physai_inverse.errors import Conflict, InvalidInput, NotFound
from physai_inverse.fidelity import Fidelity
from physai_inverse.objective import Objective
from physai_inverse.space import Space, misfits
from physai_inverse.store import Store, StudyRecord
from physai_inverse.study.entries import check_seed
from physai_inverse.study.stopping import RULES

METHODS = ("model", "random", "asha", "lowest")


def check_arguments(space: object, *, seed: object, method: str, stopping: str, lease_seconds: float) -> None:
    """Check what a study is made of.

    Raises:
        InvalidInput: an argument cannot be meant.
    """
    if not isinstance(space, Space):
        raise InvalidInput(f"`space` must be a Space, not {type(space).__name__}.")
    check_seed(seed)
    if method not in METHODS:
        raise InvalidInput(f"`method` must be one of {list(METHODS)}, not {method!r}.")
    if stopping not in RULES:
        raise InvalidInput(f"`stopping` must be one of {list(RULES)}, not {stopping!r}.")
    if not lease_seconds > 0:
        raise InvalidInput(f"`lease_seconds` must be above 0, not {lease_seconds!r}.")


def check_method(method: str, fidelity: Fidelity | None, space: Space) -> None:
    """Check that method, fidelity and space go together.

    Raises:
        InvalidInput: the method needs a fidelity, or the fidelity is a parameter, too.
    """
    if fidelity is None and method in ("asha", "lowest"):
        raise InvalidInput(f"`method` {method!r} needs a `fidelity`, such as Fidelity('epochs', 1, 81).")
    if fidelity is not None and fidelity.name in space.parameters:
        raise InvalidInput(
            f"`{fidelity.name}` is the fidelity and a parameter of the space; a fidelity is not tuned. Take it "
            "out of the space."
        )


def open_record(
    store: Store,
    name: str,
    space: Space,
    objective: Objective,
    *,
    seed: int | None,
    fidelity: Fidelity | None,
    grow: bool,
    read_only: bool,
) -> StudyRecord:
    """Make a study's record, or give the one that there is; see `Study`.

    Raises:
        NotFound: it shall only be read, and is not there.
        Conflict: the store holds a study of this name with another space, seed or fidelity.
    """
    plain, goals = space.as_plain(), objective.as_plain()
    if read_only:
        record = store.study(name)
    else:
        settings = {} if fidelity is None else {"fidelity": fidelity.as_plain()}
        record = store.create_study(name, space=plain, objective=goals, seed=seed or 0, settings=settings)
    if seed is not None and record.seed != seed:
        raise Conflict(
            f"The study `{name}` has the seed {record.seed}, not {seed}. Open it without a seed, or "
            "choose another name for a study with another seed."
        )
    known = fidelity_of(record)
    if fidelity is not None and known != fidelity:
        had = f"the fidelity {known}" if known is not None else "no fidelity"
        raise Conflict(
            f"The study `{name}` was made with {had}, not {fidelity}. Choose another name for a study with "
            "another fidelity; `import` brings its trainings over."
        )
    stored = Space.from_plain(record.spaces[-1])
    if stored != space:
        problems = misfits(space, stored)
        difference = "; ".join(problems) or "it is wider or has more parameters"
        if problems or not grow or read_only:
            raise Conflict(
                f"The space differs from the one that the study `{name}` was made with: {difference}. "
                + ("Choose another name." if problems else "Open it with grow=True (--grow) to go on with it.")
            )
        store.add_space(name, plain)
        record = store.study(name)
    if record.objective != goals and not read_only:
        store.set_objective(name, goals)
    return record


def name_in(store: Store, name: str | None) -> str:
    """Give the name of a study, which may be left out where the store holds one.

    Raises:
        NotFound: it holds none or several; names them.
    """
    names = store.studies()
    if name is None and len(names) != 1:
        raise NotFound(f"The store holds the studies {list(names)}; say which one by `name`.")
    return names[0] if name is None else name


def fidelity_of(record: StudyRecord) -> Fidelity | None:
    """Give the fidelity that a study was made with."""
    plain = record.settings.get("fidelity")
    return Fidelity.from_plain(plain) if isinstance(plain, dict) else None
