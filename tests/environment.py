"""Loaded before Django: tests get a data folder of their own and none of the caller's NIGHTSHIFT_ settings.

TEST_DATABASE_URL runs the tests that stay in this process on another database; real servers of tests keep SQLite.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

for name in [name for name in os.environ if name.startswith("NIGHTSHIFT_")]:
    del os.environ[name]

DATA_DIR = Path(tempfile.mkdtemp(prefix="nightshift-tests-"))
os.environ["NIGHTSHIFT_DATA_DIR"] = str(DATA_DIR)
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)
if TEST_DATABASE_URL := os.environ.get("TEST_DATABASE_URL"):
    os.environ["NIGHTSHIFT_DATABASE_URL"] = TEST_DATABASE_URL
