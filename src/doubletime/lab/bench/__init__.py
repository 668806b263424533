"""Load for an engine in this process or for the URL of any OpenAI-compatible server, and what it measures."""
