"""Proposers: they write instructions."""
