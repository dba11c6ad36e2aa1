"""No URL makes the service connect to where strangers have no business, in a network where all would be seen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.faults.kills import ROOT

UNSHARE = shutil.which("unshare")


def namespace() -> list[str]:
    """How to run something in a network of its own."""
    command = [UNSHARE or "unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    for tried in (command, [*command, "--map-root-user"]):
        if UNSHARE and subprocess.run([*tried, "true"], capture_output=True).returncode == 0:
            return tried
    pytest.skip("no network namespaces here; tests/api/test_fetch.py counts connections at an injected backend")


def test_no_forbidden_connection() -> None:
    command = [*namespace(), sys.executable, "-m", "tests.faults.ssrf"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["hostile"] >= 90
    assert report["forbidden"] == []
    assert report["through"] == []
    # Refused or unreachable: nobody can tell.
    assert len(report["answers"]) == 1
    # It can be done, and the canary would have seen it.
    assert all(report["good"].values()), report["good"]
    assert report["packed"], "what is packed comes as it is, never unpacked"
    assert {("127.0.0.1", 80), ("127.0.0.1", 22)} <= {tuple(seen) for seen in report["unguarded"]}
