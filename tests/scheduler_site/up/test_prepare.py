from pathlib import Path

from scheduler_site.up.prepare import fingerprint


def test_static_files_are_collected_anew_only_for_new_content(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text("one")
    first = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == first
    (tmp_path / "main.js").write_text("two")
    second = fingerprint(tmp_path)
    (tmp_path / "main.js").rename(tmp_path / "other.js")
    assert len({first, second, fingerprint(tmp_path)}) == 3


def test_no_bundle_has_a_fingerprint_too(tmp_path: Path) -> None:
    assert fingerprint(tmp_path / "none")
