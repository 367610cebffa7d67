"""Language models behind one seam, `LanguageModel.complete`, and the wrappers of the same shape."""
