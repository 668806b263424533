"""The version, where it can be read without what the package offers."""

__version__ = "0.1.0"
