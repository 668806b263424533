"""Measures the torch executor on this machine: kernels on grids, operators of real steps, the engine around them."""
