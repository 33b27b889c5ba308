"""Dropout for NumPy arrays, in the time of a multiplication."""

# First of all cpu, which loads what is compiled, and says what to do where nothing is.
from fastdrop import cpu as cpu
from fastdrop.block_layers import DropBlock2d, DropBlock3d
from fastdrop.blocks import drop_block2d, drop_block3d
from fastdrop.coarse import coarse_dropout
from fastdrop.config import show_config
from fastdrop.functional import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from fastdrop.keys import Key, RNGLike, get_rng_state, manual_seed, set_rng_state
from fastdrop.layers import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    DropPath,
    FeatureAlphaDropout,
)
from fastdrop.masks import apply_mask, keep_mask
from fastdrop.paths import drop_path
from fastdrop.threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "AlphaDropout",
    "DropBlock2d",
    "DropBlock3d",
    "DropPath",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
    "Key",
    "RNGLike",
    "alpha_dropout",
    "apply_mask",
    "coarse_dropout",
    "drop_block2d",
    "drop_block3d",
    "drop_path",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "get_num_threads",
    "get_rng_state",
    "keep_mask",
    "manual_seed",
    "set_num_threads",
    "set_rng_state",
    "show_config",
]

# Users know these by the name they import them by, in tracebacks, pickles and documentation.
for _name in __all__:
    if _name not in ("Key", "RNGLike"):  # Key has it already, an alias has none
        globals()[_name].__module__ = "fastdrop"
del _name


def __dir__() -> list[str]:
    """List the public names only, not the modules they come from."""
    return [*__all__, "__version__"]
