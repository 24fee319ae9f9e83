"""For all tests: one thread, as tiny tensors are slower on more."""

import torch

torch.set_num_threads(1)
