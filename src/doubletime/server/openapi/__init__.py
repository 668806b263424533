"""The OpenAPI document, from the declarations that read the requests."""
