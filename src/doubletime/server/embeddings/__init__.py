"""/v1/embeddings: its fields, its prompts and its reply."""
