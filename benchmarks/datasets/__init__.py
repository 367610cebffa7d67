"""Labelled rows: reading them, splitting them, and checking them before a call is spent."""
