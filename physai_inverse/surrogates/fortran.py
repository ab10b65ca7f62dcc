"""The routines of LAPACK and BLAS as scipy wraps them, without the rest of `scipy.linalg`.

Its import costs a sixth of a second, most of it for array libraries that are not used here: more than a fit, and
a sixth of a cold `suggest`. The compiled modules behind `scipy.linalg.lapack` and `scipy.linalg.blas` need none of
it. They are loaded under their own names, so that a later `import scipy.linalg` takes the same ones; where scipy
keeps them elsewhere, or cannot load them by themselves, they come by the ordinary way.
"""

import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType


def compiled(name: str, public: str) -> ModuleType:
    """Load a compiled module of `scipy.linalg`.

    Args:
        name: of the compiled module, such as `_flapack`.
        public: of the module of `scipy.linalg` that passes its routines on.

    Raises:
        ImportError: there is no scipy.
    """
    full = f"scipy.linalg.{name}"
    if full in sys.modules:
        return sys.modules[full]
    scipy = find_spec("scipy")
    for folder in (scipy.submodule_search_locations or ()) if scipy is not None else ():
        spec = PathFinder.find_spec(full, [str(Path(folder) / "linalg")])
        if spec is None or spec.loader is None:
            continue
        try:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
        except (ImportError, OSError):  # a library beside it that only the import of scipy itself finds
            break
        sys.modules[full] = module
        return module
    return importlib.import_module(f"scipy.linalg.{public}")


lapack = compiled("_flapack", "lapack")
blas = compiled("_fblas", "blas")
