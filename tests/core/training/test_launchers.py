import csv
import socket

import pytest
import torch
from two_ranks import STEPS, fit

pytestmark = pytest.mark.process

DDP = "--trainer.strategy={class_path: sciformer.training.strategies.DDP}"
QUIET = ("--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu", "--threads=1")


def words(root, *more):
    steps = (f"--trainer.max_steps={STEPS}", "--trainer.log_every_n_steps=1")
    return [
        "-m",
        "minimal",
        "fit",
        *QUIET,
        *steps,
        DDP,
        f"--trainer.default_root_dir={root}",
        *more,
    ]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The losses of a run on one rank."""
    root, threads = tmp_path_factory.mktemp("alone"), torch.get_num_threads()
    fit(root, f"--trainer.max_steps={STEPS}")
    torch.set_num_threads(threads)
    return losses(root)


def losses(root):
    with (root / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [float(row["train/loss"]) for row in rows if row["train/loss"]]


def finish(processes):
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err + out


def test_two_torchrun_agents_run_one_fit_together(start, alone, tmp_path):
    agent = ("-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=1")
    meeting = ("--rdzv_backend=c10d", f"--rdzv_endpoint=127.0.0.1:{free_port()}", "--rdzv_id=fit")
    nodes = ("--trainer.num_nodes=2", "--trainer.devices=1")
    finish([start(*agent, *meeting, *words(tmp_path / "run", *nodes)) for _ in range(2)])
    assert losses(tmp_path / "run") == pytest.approx(alone, rel=1e-5)


def test_two_tasks_of_slurm_run_one_fit_together(start, alone, tmp_path):
    def task(rank):
        variables = {
            **{"JOB_ID": 12345, "JOB_NAME": "fit", "JOB_NODELIST": "localhost", "NODEID": 0},
            **{"NTASKS": 2, "NTASKS_PER_NODE": 2, "PROCID": rank, "LOCALID": rank},
        }
        slurm = {f"SLURM_{name}": str(value) for name, value in variables.items()}
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        return start(*words(tmp_path / "run", "--trainer.devices=2"), **slurm, **place)

    port = free_port()
    finish([task(rank) for rank in range(2)])
    assert losses(tmp_path / "run") == pytest.approx(alone, rel=1e-5)
