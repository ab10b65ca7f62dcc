"""A study's record in its store: made, or found and held against what is asked for."""

from physai_inverse.errors import Conflict
from physai_inverse.fidelity import Fidelity
from physai_inverse.objective import Objective
from physai_inverse.space import Space, misfits
from physai_inverse.store import Store, StudyRecord


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


def fidelity_of(record: StudyRecord) -> Fidelity | None:
    """Give the fidelity that a study was made with."""
    plain = record.settings.get("fidelity")
    return Fidelity.from_plain(plain) if isinstance(plain, dict) else None
