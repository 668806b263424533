"""The parts of benchmarks/kernels.py: one module a family of kernels, with what they share."""
