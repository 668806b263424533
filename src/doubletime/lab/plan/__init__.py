"""The cheapest design that meets an SLO on a trace. Start with `search.plan`."""
