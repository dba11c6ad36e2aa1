"""What must hold when processes die, disks fill up or fail, and bits flip.

The tests here are bounded; ``python -m tests.faults.kills`` and ``python -m tests.faults.damage`` are the full runs.
"""
