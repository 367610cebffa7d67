"""The bundled toy model `tiny`: a Llama of two million parameters that runs in process, on numpy alone.

`weights/` is a folder in Hugging Face format, `train/` the recipe that made it, CARD.md what it can and cannot do.
"""
