"""/v1/responses in its stateless form: a chat in other words."""
