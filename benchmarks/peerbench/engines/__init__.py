"""One module an engine: how to ask it for rates, how to start its server, and what it cannot do."""
