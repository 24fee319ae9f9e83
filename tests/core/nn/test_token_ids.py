import pytest
import torch

from sciformer.nn.token_ids import check_ids


def test_ids_of_the_vocabulary_pass_and_others_are_named():
    check_ids(torch.arange(5), 5)
    check_ids(torch.empty(0, dtype=torch.int64), 5)
    for token in (5, 100, -1):
        with pytest.raises(ValueError, match=f"^token id {token} is none of 0 to 4$"):
            check_ids(torch.tensor([[0, token]]), 5)


class Lookup(torch.nn.Module):
    def forward(self, tokens):
        check_ids(tokens, 5)
        return tokens[..., None] == torch.arange(5)


@pytest.mark.compile
@pytest.mark.parametrize("how", ["compiled", "exported"])
def test_compiled_and_exported_networks_check_them_too(how):
    good = torch.arange(4)[None]
    if how == "compiled":
        run = torch.compile(Lookup(), backend="aot_eager", fullgraph=True)
    else:
        run = torch.export.export(Lookup(), (good,)).module()
    assert torch.equal(run(good), Lookup()(good))
    for token in (5, -1):
        with pytest.raises(RuntimeError, match="a token id is none of 0 to 4"):
            run(torch.tensor([[0, 1, token, 2]]))
