"""Optional packages that are missing or broken: one sentence that says what to install."""

import json
import subprocess
import sys
import tomllib

import pytest

from speechvq.extras import EXTRAS
from tests.helpers.all_commands import COMMANDS, line
from tests.helpers.paths import ROOT

WITHOUT = """
import json, runpy, sys
lines, modules, error = json.load(sys.stdin)
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in modules:
            raise {"missing": ModuleNotFoundError, "broken": ImportError}[error](
                "lib\\x1bx.so is not there", name=name
            )
sys.meta_path.insert(0, Without())
from speechvq.cli import main
for words in lines:
    sys.argv = ["speechvq", *words]
    try:
        main()
    except SystemExit as end:
        print(json.dumps([words, end.code]))
"""
RECIPE = """
import runpy, sys
for name in %r:
    sys.modules[name] = None
sys.argv = ["-m", *sys.argv[1:]]
import recipes
module = sys.argv.pop(1)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
HIDDEN = [name for names in EXTRAS.values() for name in names if name != "pkg_resources"]


def test_the_extras_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS) < set(project["optional-dependencies"])
    names = [name for names in EXTRAS.values() for name in names]
    assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "says"), [("missing", "needs "), ("broken", "does not load (lib\\x1bx.so")]
)
def test_every_command_without_any_extra(tmp_path, error, says):
    config = str(ROOT / "recipes" / "default" / "base1.toml")
    lines = [
        line(name, "nothing", {"config": config} if "train" in name else {}) for name in COMMANDS
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        input=json.dumps([lines, HIDDEN, error]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    codes = [json.loads(each) for each in done.stdout.splitlines() if each.startswith("[[")]
    assert len(codes) == len(COMMANDS)
    assert {code for _, code in codes} <= {0, 1}
    assert len(done.stderr.splitlines()) == sum(code for _, code in codes)
    assert done.stderr.count(says) >= 4
    assert done.stderr.count("'speechvq[train]'") >= 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("recipes.evaluate.picture", "the picture needs librosa: pip install 'speechvq[plots]'"),
        ("recipes.vqvae2017.train", "this needs tomli_w: pip install 'speechvq[train]'"),
    ],
)
def test_recipes_without_any_extra(module, says):
    done = subprocess.run(
        [sys.executable, "-c", RECIPE % HIDDEN, module],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().endswith(says)
    assert len(done.stderr.splitlines()) == 1
