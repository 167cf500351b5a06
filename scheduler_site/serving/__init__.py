"""`manage.py serve`: an ASGI server in the main thread, the loops beside it. Starts no agent and migrates nothing."""
