"""segengine."""
