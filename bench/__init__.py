"""Measurements over the running stack: `python -m bench`. Figures, not pass or fail."""
