"""The config.json of published models, by family: only the fields that matter."""
