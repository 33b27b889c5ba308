"""Dot products under dropout: another package that calls fastdrop from Cython."""

from noisydot._noisydot import noisy_dots

__all__ = ["noisy_dots"]
