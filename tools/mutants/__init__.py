"""Which lines of the core would the tests let break? `python -m tools.mutants` changes them one at a time and sees."""
