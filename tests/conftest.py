"""What holds for every test."""

from __future__ import annotations

import os
import signal

# OpenMP's threads spin while they wait, which on a busy machine takes the cores from those that work: the
# small models here were measured at twenty times the CPU. Read once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
