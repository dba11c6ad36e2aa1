"""Veralens' outward faces: the command line, HTTP and the web page."""

import os

# Before torch is imported. Threads of its that have nothing to do would else spin, and take half of what a search
# costs from other work. Where it is set already, that counts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
