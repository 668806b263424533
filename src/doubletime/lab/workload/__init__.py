"""What a service is asked: traces and synthetic specs as one stream of sessions. Start with `workload.open`."""
