"""One engine, assembled: model, executor, scheduler, and the host that turns requests into events and back."""
