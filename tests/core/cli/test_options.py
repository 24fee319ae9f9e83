"""Options of a verb from the signature of its function, and configurations of a package."""

import sys

import pytest

from sciformer.cli.options import call, present, shipped, spelled, with_class


def test_call_gives_a_function_what_its_signature_asks_for():
    def add(a: int, b: float = 0.5, *, name: str | None = None) -> tuple[int, float, str | None]:
        """Add."""
        return a, b, name

    assert call(add, "x add", ["3", "--name", "n"]) == (3, 0.5, "n")


@pytest.mark.parametrize("value", ["three", "3.5"])
def test_call_names_an_option_whose_value_does_not_fit(value, monkeypatch):
    def add(a: int) -> None:
        """Add."""

    monkeypatch.setattr(sys, "argv", ["x"])
    with pytest.raises(ValueError, match=rf"\"?a\"?.*{value}"):
        call(add, "x add", [value])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with a shipped configuration, and an empty folder to stand in."""
    configs = tmp_path / "site" / "fake_project" / "configs"
    configs.mkdir(parents=True)
    (configs.parent / "__init__.py").touch()
    (configs / "quick.yaml").write_text("threads: 1\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield configs
    sys.modules.pop("fake_project", None)


@pytest.mark.parametrize("flag", ["", "--config="])
def test_a_configuration_comes_from_the_package_where_there_is_no_checkout(flag, package):
    word = shipped("fake_project", f"{flag}configs/fake_project/quick.yaml")
    assert word == f"{flag}{package / 'quick.yaml'}"


def test_the_checkouts_own_configuration_goes_first(package, tmp_path):
    path = tmp_path / "here" / "configs" / "fake_project" / "quick.yaml"
    path.parent.mkdir(parents=True)
    path.touch()
    word = "configs/fake_project/quick.yaml"
    assert shipped("fake_project", word) == word


@pytest.mark.parametrize(
    "word",
    [
        "configs/fake_project/missing.yaml",
        "configs/other/quick.yaml",
        "quick.yaml",
        "--model.dim=3",
        "configs/fake_project/../__init__.py/../x",
    ],
)
def test_other_words_stay_as_they_are(word, package):
    assert shipped("fake_project", word) == word


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("--on-error", "--on_error"),
        ("--on-error=skip-it", "--on_error=skip-it"),
        ("--on_error", "--on_error"),
        ("--data.stages+=[-1]", "--data.stages+=[-1]"),
        ("-c", "-c"),
        ("my-run", "my-run"),
        ("-1", "-1"),
    ],
)
def test_options_may_be_written_with_dashes(word, read):
    assert spelled(word) == read


@pytest.mark.parametrize(
    ("words", "on"),
    [
        (["a"], False),
        (["a", "--overwrite"], True),
        (["--overwrite", "a"], True),
        (["--overwrite", "false", "a"], False),
        (["--overwrite=true", "a"], True),
    ],
)
def test_an_option_that_is_off_by_default_needs_no_value(words, on):
    def function(path: str, overwrite: bool = False) -> tuple[str, bool]:
        return path, overwrite

    assert call(function, "x", words) == ("a", on)


def test_a_former_name_of_an_option_goes_on_working():
    renamed = {"windows": "samples", "files": "data"}
    words = ["windows", "--windows=7", "--files", "a", "--steps=1"]
    assert present(words, renamed) == ["windows", "--samples=7", "--data", "a", "--steps=1"]
    with pytest.raises(ValueError, match="--data: given twice; former names of it are --files"):
        present(["--files=a", "--data=b"], renamed)


@pytest.mark.parametrize("link", [" ", "="])
def test_a_class_may_stand_without_its_table(link):
    words = f"--trainer.strategy{link}a.b.DDP".split()
    read = f"--trainer.strategy{link}{{class_path: a.b.DDP}}"
    assert link.join(with_class(words, "--trainer.strategy")) == read


def test_what_is_no_class_stays_as_it_is():
    words = ["--config", "a.b", "--trainer.strategy", "ddp", "--trainer.strategy={class_path: a.B}"]
    assert with_class(words, "--trainer.strategy") == words
