"""The ledger of trials: SQLite by default, PostgreSQL by URL.

`Store` is the only thing here that changes; all else is a value. See `ledger` for its verbs, `tables` for what
lies in the database, `verification` for what always holds.
"""

from physai_inverse.store.backup import restore
from physai_inverse.store.ledger import Store
from physai_inverse.store.trial import Event, Proposal, Stale, StudyRecord, Trial

__all__ = ["Event", "Proposal", "Stale", "Store", "StudyRecord", "Trial", "restore"]
