import subprocess
import sys

import numpy as np
import pytest

from physai_inverse.surrogates import fortran

CHILD = """
import sys
import numpy as np
from physai_inverse.surrogates.fortran import blas, lapack
assert "scipy.linalg" not in sys.modules
before, _ = lapack.dpotrf(np.diag([4.0, 9.0]), lower=1)
import scipy.linalg
assert scipy.linalg.lapack.dpotrf is lapack.dpotrf
assert scipy.linalg.blas.dtrmm is blas.dtrmm
assert (scipy.linalg.cholesky(np.diag([4.0, 9.0])) == before).all()
"""


def test_scipy_imported_afterwards_has_the_same_routines() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", CHILD], check=True)


def test_where_scipy_keeps_no_such_file_the_ordinary_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "scipy.linalg._flapack", raising=False)
    monkeypatch.setattr(fortran, "find_spec", lambda _: None)
    found = fortran.compiled("_flapack", "lapack")
    assert found.__name__ == "scipy.linalg.lapack"
    np.testing.assert_array_equal(found.dpotrf(np.diag([4.0, 9.0]), lower=1)[0], np.diag([2.0, 3.0]))
