"""Nightshift's agents and command line. Standalone: imports nothing of the server."""
