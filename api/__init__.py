"""Veralens' outward faces: the command line, HTTP and the web page."""
