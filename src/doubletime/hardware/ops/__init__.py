"""One operator a file: what it costs on a machine, from fitted constants."""
