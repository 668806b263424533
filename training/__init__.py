"""The recipe of the models that ship with the package; run each step with `python -m training.<step>`."""
