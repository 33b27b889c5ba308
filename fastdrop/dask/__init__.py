"""Dropout for Dask arrays: lazy, block by block, with the bytes of the whole array's result."""

try:
    import dask.array

    if tuple(map(int, dask.__version__.split(".")[:2])) < (2024, 12):
        raise ImportError(f"this is Dask {dask.__version__}")
except ImportError as error:
    raise ImportError(
        "fastdrop.dask needs the arrays of Dask 2024.12 or later: "
        f"python -m pip install 'dask[array]>=2024.12' ({error})"
    ) from error

from fastdrop.dask.channels import dropout1d, dropout2d, dropout3d
from fastdrop.dask.functional import dropout, keep_mask

__all__ = ["dropout", "dropout1d", "dropout2d", "dropout3d", "keep_mask"]

for _name in __all__:
    globals()[_name].__module__ = "fastdrop.dask"
del _name
