"""Fits the overheads and one scale per family of operators to a user's own log. Start with `calibrate` in `run`."""
