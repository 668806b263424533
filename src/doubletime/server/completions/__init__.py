"""/v1/completions: its fields, its prompts and the form of its replies."""
