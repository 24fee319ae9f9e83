import json
import re
import shutil

import pytest
import yaml
from installed import GROUP, hide_projects, install

BROKEN = """
import sys
from sciformer.cli.project import Project

PROJECT = Project("broken", "Fails.", "minimal:MinimalModule", "minimal:MinimalData")

if __name__ == "__main__":
    sys.stderr.write("the sky\\nhas <fallen> down\\n")
    sys.exit(3)
"""

QUICK = {
    "threads": 1,
    "trainer": {"accelerator": "cpu", "max_steps": 2, "enable_progress_bar": False},
}


@pytest.fixture
def nothing_installed(tmp_path):
    hide_projects(tmp_path)
    return tmp_path


@pytest.mark.process
def test_a_project_that_fails_does_not_hide_the_others(nothing_installed, start):
    site = nothing_installed
    install(site, "fakes", f"[{GROUP}]\nminimal = minimal:PROJECT\nbroken = broken:PROJECT\n")
    (site / "broken.py").write_text(BROKEN)
    (site / "configs" / "minimal").mkdir(parents=True)
    (site / "configs" / "minimal" / "quick.yaml").write_text(yaml.safe_dump(QUICK))
    words = ["demo", "--out", "out", "--seed", "3"]
    process = start("-c", "from sciformer.cli.main import main; main()", *words)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 1, err
    metrics = json.loads((site / "out" / "metrics.json").read_text())
    assert metrics["minimal/noise/loss"] > 0
    assert metrics["run"]["minimal"]["seed"] == 3
    assert metrics["run"]["broken"] == {"failed": "has <fallen> down"}
    page = (site / "out" / "index.html").read_text()
    assert "broken: failed" in page
    assert "has &lt;fallen&gt; down" in page
    assert ">Minimal</h2>" in page
    assert "$ broken fit --config configs/broken/quick.yaml --seed_everything 3" in out
    assert "broken, 1 of 2: 0 s passed, about 2 min left" in out
    assert "out/index.html" in out
    assert "Traceback" not in err


@pytest.mark.process
def test_a_demo_goes_on_where_it_was_interrupted(nothing_installed, start):
    site = nothing_installed
    install(site, "fakes", f"[{GROUP}]\nminimal = minimal:PROJECT\n")
    (site / "configs" / "minimal").mkdir(parents=True)
    (site / "configs" / "minimal" / "quick.yaml").write_text(yaml.safe_dump(QUICK))
    words = ["-c", "from sciformer.cli.main import main; main()", "demo", "--out", "out"]
    for made, missing in ((None, ("fit", "evaluate")), ("report", ("evaluate",)), ("", ())):
        if made:
            shutil.rmtree(site / "out" / "minimal" / made)
        process = start(*words)
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        assert tuple(re.findall(r"\$ minimal (\w+)", out)) == missing
    assert "minimal: done before" in out
    process = start(*words, "--seed", "4")
    _, err = process.communicate(timeout=60)
    assert "sciformer demo: error: seed: out holds a demo of seed 0" in err


@pytest.mark.process
def test_a_demo_of_nothing_says_what_to_install(nothing_installed, start):
    process = start("-c", "from sciformer.cli.main import main; main()", "demo")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.startswith("sciformer demo: error: no project is installed: pip install")
    assert err.count("\n") == 1
    assert not (nothing_installed / "runs").exists()
