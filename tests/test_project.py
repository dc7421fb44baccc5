"""What the project's own files say of it agrees: its version, its licence, and what a wheel of it holds."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
GITHUB = PROJECT / ".github"


def test_the_version_is_one_everywhere() -> None:
    version = PYPROJECT["project"]["version"]
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    releases = re.findall(r"^## \[(\d.*)\] - (\d{4}-\d\d-\d\d)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert (citation["version"], citation["date-released"]) == releases[0] == (version, releases[0][1])
    dates = [date for _, date in releases]
    assert dates == sorted(dates, reverse=True)


def test_the_licence_and_the_authors_are_the_same_everywhere() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    licence = (PROJECT / "LICENSE").read_text()
    assert licence.startswith(f"{citation['license']} License\n")
    assert PYPROJECT["project"]["license"] == citation["license"]
    (author,) = citation["authors"]
    assert re.search(r"Copyright \(c\) \d{4} (.*)", licence)[1] == author["name"]  # type: ignore[index]


def test_github_runs_the_checks_on_every_python_that_is_supported() -> None:
    job = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())["jobs"]["run"]
    versions = job["strategy"]["matrix"]["python-version"]
    assert f">={versions[0]}" == PYPROJECT["project"]["requires-python"]
    assert {"run": "bash .ci/run"} in job["steps"]


@pytest.mark.parametrize("name", ["bug", "pattern", "published_result"])
def test_an_issue_form_asks_each_question_once(name: str) -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())
    assert form.keys() == {"name", "description", "labels", "body"}
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids)) >= 5
    for field in form["body"]:
        assert field["type"] in ("input", "textarea", "dropdown")
        assert field["attributes"]["label"]
        if field["type"] == "dropdown":  # GitHub takes texts alone, and YAML's yes and no are none
            assert all(isinstance(option, str) for option in field["attributes"]["options"])
    assert any(field.get("validations", {}).get("required") for field in form["body"])


@pytest.mark.slow
def test_a_wheel_holds_every_package_and_says_that_it_is_typed(tmp_path: Path) -> None:
    clone = tmp_path / "clone"  # a build writes beside the code
    subprocess.run(["git", "clone", "-q", str(PROJECT), str(clone)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path), str(clone)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"rnn_patterns-{PYPROJECT['project']['version']}-")
    held = set(zipfile.ZipFile(wheel).namelist())
    packages = {name.replace(".", "/") for name in PYPROJECT["tool"]["setuptools"]["packages"]}
    assert {f"{name}/__init__.py" for name in packages} <= held
    assert {f"{name}/py.typed" for name in ("rnn_core", "analysis", "experiments")} <= held
    sources = [path for end in ("html", "css", "js") for path in (PROJECT / "experiments").glob(f"*/*.{end}")]
    assert {path.parent.name for path in sources} == {"net_page", "page_parts", "sweep_page"}
    assert {path.relative_to(PROJECT).as_posix() for path in sources} <= held
    assert not [name for name in held if name.startswith(("tests", "benchmarks", "docs"))]
