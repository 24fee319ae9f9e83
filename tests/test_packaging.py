"""What is in a wheel, and that wheels alone are enough."""

import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
DISTS = {"sciformer": "shared"} | {
    f"sciformer_{path.name}": f"packages/{path.name}" for path in (ROOT / "packages").iterdir()
}
TEST_STACK = {"pytest", "ruff", "beartype", "basedpyright", "hypothesis", "build", "pre-commit"}

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and source archive of each dist."""
    out = tmp_path_factory.mktemp("dist")
    for folder in DISTS.values():
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), folder]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return out


@pytest.mark.parametrize("dist", DISTS)
def test_a_wheel_holds_its_package_and_nothing_else(built, dist):
    (wheel,) = built.glob(f"{dist}-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = dist.removeprefix("sciformer_")
    assert {name.split("/")[0].split("-")[0] for name in names} == {package, dist}
    assert f"{package}/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    own = [name for name in names if "/cli/template/" not in name]  # a new project's test
    assert not any(re.search(r"(^|/)tests?[/_]", name) for name in own)


def test_the_core_brings_its_stylesheet_and_projects_bring_what_they_ship(built):
    (core,) = built.glob("sciformer-*.whl")
    assert "sciformer/report/page.css" in zipfile.ZipFile(core).namelist()
    for dist, folder in DISTS.items():
        if folder == "shared":
            continue
        package = dist.removeprefix("sciformer_")
        configs = (ROOT / "configs" / package).glob("*.yaml")
        shipped = {f"configs/{path.name}" for path in configs}
        own = ROOT / folder / "src" / package
        networks = {path.relative_to(own).as_posix() for path in own.glob("nn/pretrained/*/*")}
        for network in {Path(path).parent for path in networks}:
            parts = {Path(path).name for path in networks if Path(path).parent == network}
            assert parts == {"config.json", "model.safetensors", "README.md"}
        (wheel,) = built.glob(f"{dist}-*.whl")
        (source,) = built.glob(f"{dist}-*.tar.gz")
        in_wheel = zipfile.ZipFile(wheel).namelist()
        with tarfile.open(source) as archive:
            in_source = archive.getnames()
        for name in shipped | networks:
            assert f"{package}/{name}" in in_wheel
            assert any(path.endswith(f"{package}/{name}") for path in in_source)


@pytest.mark.parametrize("dist", DISTS)
def test_a_wheel_asks_for_nothing_of_the_test_stack(built, dist):
    (wheel,) = built.glob(f"{dist}-*.whl")
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(archive.read(name))
    assert metadata["License-Expression"] == "MIT"
    asked = {line.split(">")[0].split("[")[0] for line in metadata.get_all("Requires-Dist", [])}
    assert not asked & TEST_STACK


def test_unpacked_wheels_run_from_an_empty_folder(built, tmp_path):
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    for wheel in built.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(site)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import sciformer, contextual_counting.cli as cli\n"
        f"assert sciformer.__file__.startswith({str(site)!r}), sciformer.__file__\n"
        "cli.run(cli.PROJECT, ['fit', '--config', 'configs/contextual_counting/smoke.yaml'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=empty, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (empty / "runs/contextual_counting/smoke/last.ckpt").is_file()


def test_a_build_without_the_link_to_the_configurations_fails_and_names_it(tmp_path):
    shutil.copytree(ROOT / "packages/xval", tmp_path / "xval", symlinks=True)
    link = tmp_path / "xval/src/xval/configs"
    target = str(link.readlink())
    link.unlink()
    link.write_text(target)  # what git leaves where it makes no symbolic links
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "xval"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "configs/smoke.yaml" in done.stdout + done.stderr


def test_every_dependency_is_bounded_and_allows_what_is_tested():
    pinned = dict(line.split("==") for line in _lines("constraints.txt") if "==" in line)
    tested = {canonicalize_name(name): version for name, version in pinned.items()}
    for folder in DISTS.values():
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        extras = project.get("optional-dependencies", {}).values()
        for line in [*project["dependencies"], *(line for extra in extras for line in extra)]:
            asked = Requirement(line)
            operators = {bound.operator for bound in asked.specifier}
            assert operators == {">=", "<"}, f"{folder}: {line}"
            version = tested.get(canonicalize_name(asked.name), project["version"])
            assert asked.specifier.contains(version), f"{folder}: {line}: {version}"


@pytest.mark.parametrize("project", [name for name in DISTS if name != "sciformer"])
def test_a_project_needs_nothing_but_what_its_wheel_asks_for(project):
    package = project.removeprefix("sciformer_")
    own = tomllib.loads((ROOT / DISTS[project] / "pyproject.toml").read_text())["project"]
    asked = _with_all_that_they_ask_for(own["dependencies"])
    modules = packages_distributions()
    extras = {
        name
        for name, dists in modules.items()
        if not {canonicalize_name(dist) for dist in dists} & asked
    }
    missing = extras - {package, "sciformer"}
    command = [sys.executable, str(ROOT / "tests/base_install.py"), package, *missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _with_all_that_they_ask_for(lines):
    """Names of the dists that these requirements bring, and what those bring."""
    found, rest = set(), [(Requirement(line), "") for line in lines]
    while rest:
        asked, extra = rest.pop()
        if asked.marker and not any(
            asked.marker.evaluate({"extra": each}) for each in (extra or {""})
        ):
            continue
        key = canonicalize_name(asked.name), frozenset(asked.extras)
        if key in found:
            continue
        found.add(key)
        try:
            further = requires(asked.name) or []
        except PackageNotFoundError:  # of another system
            continue
        rest += [(Requirement(line), asked.extras) for line in further]
    return {name for name, _ in found}


def _lines(file):
    return (ROOT / file).read_text().splitlines()


@pytest.fixture
def release(tmp_path):
    """A copy of what states a version, ready to be released as 1.2.3, and its check."""
    for folder in DISTS.values():
        (tmp_path / folder).mkdir(parents=True)
        text = '[project]\nversion = "1.2.3"\n'
        (tmp_path / folder / "pyproject.toml").write_text(text)
    (tmp_path / "CITATION.cff").write_text("title: x\nversion: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3 (2026-12-01)\n")
    faults = runpy.run_path(str(ROOT / ".github/check_release.py"))["faults"]
    return lambda tag: faults(tag, tmp_path)


def test_a_tag_that_agrees_with_all_versions_may_be_released(release):
    assert release("v1.2.3") == []


def test_a_tag_that_disagrees_and_a_placeholder_are_named(release, tmp_path):
    said = release("v1.2.4")
    assert [line.partition(":")[0] for line in said] == [
        *sorted(f"{folder}/pyproject.toml" for folder in DISTS.values()),
        *("CITATION.cff", "CHANGELOG.md"),
    ]
    (tmp_path / "shared/pyproject.toml").write_text(
        '[project]\nversion = "1.2.3"\nurl = "https://x.example"\n'
    )
    assert [line.partition(":")[0] for line in release("v1.2.3")] == ["shared/pyproject.toml"]


def test_every_dist_carries_the_same_licence():
    licence = (ROOT / "LICENSE").read_text()
    for folder in DISTS.values():
        assert (ROOT / folder / "LICENSE").read_text() == licence
