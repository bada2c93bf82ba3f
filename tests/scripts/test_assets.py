"""Assets are copied when something changed, and only then."""

import pytest

from scripts import assets


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose packages are installed already."""
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    monkeypatch.setattr(assets, "MODULES", tmp_path / "node_modules")
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(assets, "STAMP", tmp_path / "vendor" / ".stamp")
    (tmp_path / "package-lock.json").write_text("{}")
    for source in assets.wanted().values():
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("x")
    (tmp_path / "node_modules" / ".cowweb-lock").write_text("{}")
    return tmp_path


def test_the_second_run_does_nothing(checkout, capsys):
    assets.main()
    assets.main()
    assert capsys.readouterr().out.endswith("assets: up to date\n")


def test_a_lost_file_comes_back(checkout):
    assets.main()
    (checkout / "vendor" / "htmx.min.js").unlink()
    assets.main()
    assert (checkout / "vendor" / "htmx.min.js").read_text() == "x"


def test_a_file_no_longer_wanted_goes(checkout):
    assets.main()
    (checkout / "vendor" / "old.js").write_text("x")
    (checkout / "package-lock.json").write_text("{ }")
    (checkout / "node_modules" / ".cowweb-lock").write_text("{ }")
    assets.main()
    assert not (checkout / "vendor" / "old.js").exists()


def test_a_file_the_packages_lack_is_named(checkout):
    (checkout / "node_modules" / "htmx.org/dist/htmx.min.js").unlink()
    with pytest.raises(SystemExit, match=r"no htmx\.org/dist/htmx\.min\.js"):
        assets.main()


def test_without_npm_it_says_what_to_install(checkout, monkeypatch):
    (checkout / "node_modules" / ".cowweb-lock").unlink()
    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"Install Node\.js"):
        assets.main()
