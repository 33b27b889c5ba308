"""The kernels compiled for the CPU level baseline."""
include "kernels.pxi"
