"""Where trainings leave what they need to go on: one folder for each configuration and seed, beside the store.

A folder is made when a trainer that takes one trains, stays when the training ends, and is the same on every
rung, so that a promoted configuration finds what it left. Nothing of it is read here, and nothing is ever removed.
"""

import hashlib
import json
import tempfile
from functools import cache
from pathlib import Path

from physai_inverse.store import Store, Trial

SUFFIX = ".checkpoints"
DIGEST_BYTES = 8


def checkpoint_folder(store: Store, name: str, trial: Trial) -> Path:
    """Give the folder of a trial; it need not be there yet.

    Beside a file `study.db` that is `study.db.checkpoints/NAME/DIGEST`; for a server `NAME.checkpoints` in the
    working folder; in memory a temporary folder that lasts as long as this process.

    Args:
        store: of the study.
        name: of the study.
        trial: its configuration and seed name the folder.
    """
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    if plain != name:  # two names must not share a folder
        plain = f"{plain}-{_digest(name)}"
    if store.path is not None:
        root = store.path.with_name(store.path.name + SUFFIX) / plain
    elif store.in_memory:
        root = Path(_temporary().name) / f"{id(store):x}" / plain
    else:
        root = Path(f"{plain}{SUFFIX}").absolute()
    return root / _digest([sorted(trial.config.items()), trial.seed])


@cache
def _temporary() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="physai-inverse-checkpoints-")


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=DIGEST_BYTES).hexdigest()
