"""Dropout for PyTorch on the CPU: functions, modules, and a switch that replaces PyTorch's own.

The functions have the names and the signatures of `torch.nn.functional`, and the modules subclass
those of `torch.nn`. They work on the memory of the tensors, and autograd keeps a key instead of a
mask. `enable` makes all of PyTorch's dropout on the CPU fastdrop's, also that within attention.
"""

try:
    import ml_dtypes as ml_dtypes
    import torch as torch
except ModuleNotFoundError as error:
    if error.name not in ("ml_dtypes", "torch"):
        raise
    raise ImportError(
        "fastdrop.torch needs PyTorch, and ml_dtypes for bfloat16: run "
        "`python -m pip install torch ml_dtypes`"
    ) from None

from fastdrop.torch.functional import (
    alpha_dropout,
    drop_path,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from fastdrop.torch.modules import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    DropPath,
    FeatureAlphaDropout,
    replace,
    restore,
)
from fastdrop.torch.override import disable, enable, enabled
from fastdrop.torch.workers import seed_worker

__all__ = [
    "AlphaDropout",
    "DropPath",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
    "alpha_dropout",
    "disable",
    "drop_path",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "enable",
    "enabled",
    "feature_alpha_dropout",
    "replace",
    "restore",
    "seed_worker",
]

# Users know these by the name they import them by, in tracebacks, pickles and documentation.
for _name in __all__:
    globals()[_name].__module__ = "fastdrop.torch"
del _name


def __dir__() -> list[str]:
    """List the public names only, not the modules they come from."""
    return list(__all__)
