"""Serving in virtual time: a design and a workload in, the result schema out. Start with `rehearse`."""
