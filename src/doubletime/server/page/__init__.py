"""The live page: static files, and the route that serves them."""
