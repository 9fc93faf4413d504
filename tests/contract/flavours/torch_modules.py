"""Modules that can be built again from their class path and `config`."""

import torch


class Late(torch.nn.Module):
    classes = (0, 1)

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.config = {"hidden": hidden}
        self.layers = torch.nn.Sequential(torch.nn.Linear(3, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Forgetful(torch.nn.Module):
    """Does not say what its constructor was given."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, hidden)
