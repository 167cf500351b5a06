"""Template tags of the frame and of how values are shown. Nothing here decides or changes anything."""
