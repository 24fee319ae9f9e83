"""A Python that has already imported torch and Lightning, for tests that start many processes.

    python -P quick_python.py SOCKET [WORD ...]

Without words it is the server: it imports once what a fit imports, which takes some seven seconds
of CPU time, and then forks for whoever asks. With words, those of ``python``, it asks the server
for a process: with this folder, these variables, these standard streams. What signals come are
handed on to that process, its end is the end here, and the other way round.
"""

import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import types
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

IMPORTED = (
    "multiprocessing.spawn",  # which keeps the true sys.executable for itself
    *("sciformer.cli.lightning", "sciformer.training.distributed.strategies"),
    *("sciformer.report.report", "tensorboard.summary.writer.event_file_writer"),
    "torch.distributed.run",
)
HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@contextmanager
def serving(folder):
    """The path of a program that is such a Python, as long as the server runs."""
    address, program = folder / "socket", folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -SEP "{__file__}" "{address}" "$@"\n')
    program.chmod(0o755)
    command = [sys.executable, "-P", __file__, str(address)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=alone, start_new_session=True, **pipes) as server:
        assert server.stdout.readline() == b"ready\n"
        yield str(program)
        server.kill()


def ask(address, words):
    """Start a process by the server, and be it."""
    if words[0] == "-u":
        words = words[1:]
    if words[0].startswith("-") and words[0] not in ("-m", "-c"):
        os.execv(sys.executable, [sys.executable, *words])
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        for number in HANDED_ON:
            signal.signal(number, lambda number, _: server.send(bytes([number])))
        socket.send_fds(server, [b"!"], [0, 1, 2])
        server.sendall(json.dumps([words, str(Path.cwd()), dict(os.environ)]).encode() + b"\n")
        code = int(server.recv(8) or -signal.SIGKILL)
    if code < 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def serve(address):
    """Fork for whoever asks, until standard input ends."""
    for name in IMPORTED:
        import_module(name)
    installed = [path for path in sys.path if path not in variable_path()]
    sys.executable = str(Path(address).with_name("python"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b"ready\n")
        while listener in select.select([listener, 0], [], [])[0]:
            client, _ = listener.accept()
            if not os.fork():
                break
            client.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        else:
            return
    answer(client, installed)


def variable_path():
    """What ``PYTHONPATH`` adds."""
    return list(filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))


def answer(client, installed):
    """Run what is asked for in a process of its own, and watch it in this one."""
    _, streams, *_ = socket.recv_fds(client, 1, 3)
    words, folder, variables = json.loads(client.makefile().readline())
    process = os.fork()
    if process:
        for stream in (0, 1, 2, *streams):
            os.close(stream)
        watch(client, process)
    client.close()
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    start(words, installed)


def watch(client, process):
    """Hand on signals, and say at its end how it ended."""
    ended = os.pidfd_open(process)
    while ended not in select.select([client, ended], [], [])[0]:
        for number in client.recv(8) or [signal.SIGKILL]:
            os.kill(process, number)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    client.send(str(code).encode())
    os._exit(0)


def start(words, installed):
    """Do what Python does with its words."""
    kind, *rest = words
    first = {"-m": str(Path.cwd()), "-c": ""}.get(kind, str(Path(kind).absolute().parent))
    safe = bool(os.environ.get("PYTHONSAFEPATH"))
    sys.path[:] = [*([] if safe else [first]), *variable_path(), *installed]
    sys.argv[:] = rest if kind == "-m" else words
    if kind == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        code = sys.argv.pop(1)
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), sys.modules["__main__"].__dict__)
    else:
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    if sys.argv[2:]:
        ask(sys.argv[1], sys.argv[2:])
    serve(sys.argv[1])
