import torch

from sciformer.nn.tensor_cache import kept


@kept(2)
def table(count):
    return torch.arange(count)


class Added(torch.nn.Module):
    def forward(self, x):
        return x + table(7)


def test_a_table_is_made_once_and_an_export_leaves_none_behind():
    torch.export.export(Added(), (torch.zeros(7),))
    assert table(7).tolist() == list(range(7))
    assert table(7) is table(7)
