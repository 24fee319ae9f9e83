import pytest
import torch

from sciformer.nn.token_ids import check_ids


def test_ids_of_the_vocabulary_pass_and_others_are_named():
    check_ids(torch.arange(5), 5)
    check_ids(torch.empty(0, dtype=torch.int64), 5)
    for token in (5, 100, -1):
        with pytest.raises(ValueError, match=f"^token id {token} is none of 0 to 4$"):
            check_ids(torch.tensor([[0, token]]), 5)
