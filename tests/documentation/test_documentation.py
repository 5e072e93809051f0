"""The documentation: the reference is current, the recipes run, the links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import manual
import pictures
import write_docs as docs
from hoshikage_cli.settings.declared import declarations

ROOT = Path(__file__).parents[2]
COOKBOOK = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
PAGES = [*ROOT.glob("*.md"), ROOT / "vendor" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", COOKBOOK, re.MULTILINE | re.DOTALL)


def test_the_reference_is_current():
    for path, text in docs.made().items():
        assert path.read_text(encoding="utf-8") == text, "make docs"


@pytest.mark.parametrize("text", [manual.reference(), manual.man_page()], ids=["page", "man"])
def test_the_reference_has_every_command_and_setting(text):
    from hoshikage_cli.cli.app import COMMANDS

    text = text.replace("\\-", "-")
    for command in (*COMMANDS, "models add", "config set"):
        assert f"hoshikage {command} [OPTIONS]" in text
    for known in declarations().values():
        assert len(re.findall(rf"{known.flag}[ /\[=].*", text)) >= 1


def test_the_reference_says_shared_settings_once():
    page = manual.reference()
    assert page.count("| `--steps N` |") == 1
    assert len(page.splitlines()) < 26 * page.count("\n## hoshikage ")


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_man_page_is_one():
    run = subprocess.run(
        ["groff", "-man", "-ww", "-Kutf8", "-Tutf8", "-P-c"],
        input=manual.man_page(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    shown = re.sub(".\b", "", run.stdout)  # bold letters are struck twice
    assert "--visual[=tokens|confidence|order|proposals]" in shown
    assert shown.count("\nSETTINGS\n") == 1


def test_there_are_eleven_recipes():
    assert len(RECIPES) == 11


@pytest.mark.parametrize(("title", "body"), RECIPES, ids=[title for title, _ in RECIPES])
def test_a_recipe_runs(title, body, environment, tmp_path):
    (code,) = re.findall(r"```sh\n(.*?)```", body, re.DOTALL)
    if "jq" in code and shutil.which("jq") is None:
        pytest.skip("needs jq")
    folder = tmp_path / "work"
    folder.mkdir()
    run = in_shell(code, folder, tmp_path, environment)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in run.stderr


def in_shell(code, folder, tmp_path, environment):
    """Run a page's commands as an installation would."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={**environment, "PATH": f"{with_program(tmp_path)}:{environment['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def with_program(tmp_path):
    """A folder with `hoshikage` in it, as an installation has one."""
    program = tmp_path / "bin" / "hoshikage"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hoshikage_cli "$@"\n')
    program.chmod(0o755)
    return program.parent


def test_the_page_about_python_runs(capsys):
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)
    assert "did you mean steps" in capsys.readouterr().out


def test_the_page_about_research_runs(tmp_path, environment):
    text = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {"__name__": "page"}
    for code in blocks:
        exec(code, names)
    assert names["result"].settings["algorithm"] == "page:leftmost"
    functions = re.findall(r"^(?:import|def) .*?(?=^\S)", "\n".join(blocks), re.M | re.S)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "my_rules.py").write_text("".join(functions), encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    run = in_shell(commands, folder, tmp_path, environment)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "taken back" in run.stderr


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_within_the_documentation(page):
    # A page that is shown in a sample of code is a user's own.
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:src|href)="([^"]+)"', text)]
    for target in links:
        path, _, anchor = target.partition("#")
        if ":" in path:
            continue
        other = (page.parent / path) if path else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def anchors(page):
    """What the headings of a page are linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_of_the_folder_can_be_found_from_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [
        p.name for p in PAGES if p.parent.name == "docs" and f"docs/{p.name})" not in text
    ] == []


def test_the_pictures_are_those_that_pages_show():
    """No others are kept, and `make pictures` makes them all."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = {*re.findall(r"images/([\w-]+)\.svg", text)}
    assert {file.stem for file in (ROOT / "docs" / "images").iterdir()} == shown
    assert shown - {"accuracy-against-speed"} == pictures.PICTURES.keys()


def test_the_pictures_are_of_runs():
    text = (ROOT / "docs" / "diffusion.md").read_text(encoding="utf-8")
    blocks = docs.RUN.findall(text)
    assert len(blocks) >= 5
    assert text.count("```console") == len(blocks)


SAMPLES = [
    pytest.param(match[0], id=f"{page.name}: {match['command'][:60]}")
    for page in docs.RUNS
    for match in docs.RUN.finditer(page.read_text(encoding="utf-8"))
]


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_prints_what_the_page_says(sample):
    """To the byte; `make docs RUNS=--runs` writes them anew."""
    assert docs.with_runs(sample) == sample
