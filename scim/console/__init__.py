"""The web console: set up, watch, release, look up. Starlette and Jinja2 behind one trigger; nothing from elsewhere."""
