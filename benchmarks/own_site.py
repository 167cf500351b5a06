"""A data folder for one benchmark that needs no running server: made, named in the environment, removed at the end.
Sets up no Django: what is imported before would have read another folder.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_site(name: str) -> Iterator[None]:
    folder = tempfile.mkdtemp(prefix=f"nightshift-{name}-")
    os.environ["NIGHTSHIFT_DATA_DIR"] = folder
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    try:
        yield
    finally:
        shutil.rmtree(folder)
