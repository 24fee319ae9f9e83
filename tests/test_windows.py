"""Linux without what Windows and macOS lack stands for them."""

import subprocess

import pytest

IMPORT_ALL = """
import importlib, os, pkgutil, signal, sys

OURS = ("sciformer", "astroclip", "contextual_counting", "mpp", "xval")
MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
OS = ("fork", "getuid", "killpg", "preadv", "sched_getaffinity", "setsid")
SIGNALS = ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPROF", "SIGUSR1", "SIGUSR2", "ITIMER_PROF")
CALLS = ("alarm", "setitimer", "pthread_sigmask")

def import_all():
    for name in OURS:
        for found in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)

import_all()  # brings other people's packages, which know for themselves where they are
for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
    del sys.modules[name]
sys.modules.update(dict.fromkeys(MODULES))
for module, names in ((os, OS), (signal, SIGNALS + CALLS)):
    for name in names:
        delattr(module, name)
import_all()

from sciformer.training.callbacks.run_record import peak_gib
from sciformer.training.callbacks.stopping import SIGNALS

assert SIGNALS == [signal.SIGINT, signal.SIGTERM]
assert peak_gib() == 0
"""


@pytest.mark.process
def test_every_module_is_imported_where_nothing_of_posix_is(quick_python, tmp_path):
    done = subprocess.run(
        [quick_python, "-c", IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
