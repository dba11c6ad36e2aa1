"""Decoding in processes that can be killed: whatever a file does to its decoder costs that file alone."""
