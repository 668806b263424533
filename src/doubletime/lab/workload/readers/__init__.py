"""One trace format a file. A reader takes a path and `Reading` and yields sessions in the order of their starts."""
