"""A small plotting module: plain SVG in one HTML file that needs nothing from outside. Start with `comparison.page`."""
