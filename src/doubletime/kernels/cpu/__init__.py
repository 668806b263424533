"""The native kernels: C++ behind a plain C interface, for the processor at hand."""
