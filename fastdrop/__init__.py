"""Dropout for NumPy arrays, in the time of a multiplication."""

# First of all forks, which looks whether OpenMP is there before fastdrop loads it; then kernels,
# which says what to do where nothing is compiled.
from fastdrop import forks as forks
from fastdrop import kernels as kernels
from fastdrop.config import show_config
from fastdrop.functional import dropout
from fastdrop.keys import Key, manual_seed
from fastdrop.layers import Dropout
from fastdrop.threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "Dropout",
    "Key",
    "dropout",
    "get_num_threads",
    "manual_seed",
    "set_num_threads",
    "show_config",
]
