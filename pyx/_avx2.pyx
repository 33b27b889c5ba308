"""The kernels compiled for the CPU level avx2."""
include "kernels.pxi"
