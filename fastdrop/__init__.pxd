"""What `from fastdrop cimport ...` offers (docs/cython.md)."""
from fastdrop._cython cimport KeyWords, apply_mask, dropout, fold_in, keep_mask
from fastdrop._keys cimport Key
