import subprocess
import sys
from pathlib import Path

import joined_batch
import pytest
import torch

from astroclip.losses.distributed_batch import share_of
from astroclip.losses.prototypes import sinkhorn

SCRIPT = Path(joined_batch.__file__)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What each of two ranks found."""
    folder = tmp_path_factory.mktemp("ranks")
    words = [[sys.executable, SCRIPT, folder, str(rank)] for rank in range(2)]
    processes = [subprocess.Popen(word, stderr=subprocess.PIPE, text=True) for word in words]
    try:
        for process in processes:
            err = process.communicate(timeout=120)[1]
            assert process.returncode == 0, err
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.process
@pytest.mark.parametrize("share", joined_batch.SHARES)
@pytest.mark.parametrize("rank", range(2))
def test_two_ranks_are_one_with_the_joined_batch(answers, share, rank):
    pair = joined_batch.Pair()
    loss = joined_batch.loss_of(pair, *joined_batch.joined(share), gather=False)
    loss.backward()
    answer = answers[rank][share]
    torch.testing.assert_close(answer["loss"], loss.detach(), atol=1e-5, rtol=1e-5)
    for name, parameter in pair.named_parameters():
        theirs = answer["gradients"][name]
        torch.testing.assert_close(theirs, parameter.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.process
@pytest.mark.parametrize("share", joined_batch.SHARES)
def test_two_ranks_assign_to_prototypes_what_one_does(answers, share):
    whole = sinkhorn(joined_batch.Pair()(*joined_batch.joined(share))[0], 0.1)
    ours = torch.cat([answers[rank][share]["assigned"] for rank in range(2)])
    torch.testing.assert_close(ours, whole)


@pytest.mark.parametrize("gather", [True, False])
def test_one_process_has_the_whole_batch_and_copies_nothing(gather):
    x = torch.ones(3, 2)
    share = share_of(x, gather)
    assert share.sizes == (3,)
    assert share.own == slice(0, 3)
    assert share.join(x) is x
