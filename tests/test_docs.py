"""The tutorials are run as they stand: commands, files and Python, in the order of the page."""

import re
import shlex
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path

import pytest

import leosplit
from leosplit.cli import main

DOCS = Path(__file__).resolve().parent.parent / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    modules = set(sys.modules)
    names: dict[str, object] = {"__name__": "tutorial"}
    done = 0
    for language, title, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if title:
            Path(title).write_text(body)
        elif language == "python":
            exec(compile(body, f"{page.name}: block {done + 1}", "exec"), names)
        elif language == "console":
            for line in body.splitlines():
                if line.startswith("$ "):
                    words = shlex.split(line[2:])
                    assert words[0] == "leosplit"
                    assert main(words[1:]) == 0, line
        else:
            continue
        done += 1
    assert done
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (body,) = [
        body for language, _, body in FENCE.findall((DOCS.parent / "README.md").read_text()) if language == "python"
    ]
    assert len(body.splitlines()) <= 10
    exec(compile(body, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("optimal")


def test_the_documentation_builds_and_its_reference_is_complete(tmp_path):
    """`mkdocs build --strict`, and every public name of the packages is in the inventory of what the pages show."""
    pytest.importorskip("mkdocstrings")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=DOCS.parent, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    inventory = (tmp_path / "site" / "objects.inv").read_bytes().split(b"\n", 4)[4]
    shown = {line.split()[0] for line in zlib.decompress(inventory).decode().splitlines()}
    for room in (
        "fitting",
        "instances",
        "formulation",
        "solvers",
        "solvers.exact",
        "leosplit.sweeps",
        "leosplit.report",
    ):
        for name in import_module(room).__all__:
            assert any(entry.startswith(room) and entry.endswith(f".{name}") for entry in shown), f"{room}.{name}"
    front = (DOCS / "reference" / "leosplit.md").read_text(encoding="utf-8")
    for name in leosplit.__all__:
        assert f"| [`{name}`][" in front
    page = (tmp_path / "site" / "method" / "problem" / "index.html").read_text(encoding="utf-8")
    assert page.count("<math") > 30
    assert "arithmatex" not in page.split("<article")[1].split("</article>")[0]


def test_links_between_pages_lead_somewhere():
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_navigation():
    navigation = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS)) in navigation
