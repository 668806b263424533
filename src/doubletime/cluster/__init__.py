"""Many engines: where a request goes, and one clock for all of them. In virtual time; the routers are for both."""
