"""The kernels compiled for the CPU level avx512."""
include "kernels.pxi"
