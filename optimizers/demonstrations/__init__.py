"""Selectors: they choose demonstrations among the train rows."""
