"""Prompts: templates, delimiter families, layouts, and the immutable prompt that is scored and served."""
