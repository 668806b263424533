"""/v1/chat/completions: its fields, its prompts and the form of its replies."""
