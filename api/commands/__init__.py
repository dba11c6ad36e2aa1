"""The commands of ``veralens``, one noun a file.

Their modules import only what ``veralens --help`` needs; the engine is imported when a command runs.
"""
