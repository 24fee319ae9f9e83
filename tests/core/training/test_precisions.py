import json

import precisions
import pytest
from precisions import CLIPS, OPTIMIZERS, PRECISIONS, STRATEGIES

pytestmark = pytest.mark.process
UNSUPPORTED = ("16-mixed", "64-true")  # which Lightning refuses where parameters are sharded


@pytest.fixture(scope="module")
def found(start_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("precisions")
    agents = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    for words in ((), agents):
        process = start_in(root, *words, precisions.__file__, root)
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err + out
    return {name: json.loads((root / f"{name}.json").read_text()) for name in STRATEGIES}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_optimizer_takes_its_steps_clipped_or_not(found, strategy, precision):
    for optimizer in OPTIMIZERS:
        one, clipped = (found[strategy][f"{precision} {clip} {optimizer}"] for clip in CLIPS)
        if strategy == "FSDP" and precision in UNSUPPORTED:
            assert "Choose a different precision among: 32-true, bf16-mixed" in one
            continue
        rounding = 1e-5 if precision in ("32-true", "64-true") else 0.05  # bf16: 2^-8 each
        assert one == pytest.approx(found["one"][f"32-true None {optimizer}"], rel=rounding)
        assert one == pytest.approx(found["one"][f"{precision} None {optimizer}"], rel=1e-5)
        assert clipped != one
