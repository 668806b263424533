"""doubletime serves language models, and rehearses serving them."""

__version__ = "0.1.0"
