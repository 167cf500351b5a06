from pathlib import Path

import pytest

from scheduler_site.access.tokens import find_token, revoke_token
from scheduler_site.up.cli_token import own_token


@pytest.mark.django_db
def test_the_command_line_s_token_is_kept_while_it_is_good(tmp_path: Path) -> None:
    path = tmp_path / "cli_token"
    first = own_token(path)
    assert path.stat().st_mode & 0o077 == 0
    assert own_token(path) == first
    row = find_token(first)
    assert row is not None
    revoke_token(row)
    assert own_token(path) != first
