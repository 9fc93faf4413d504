"""Training with torch, alone or with others: a user's module."""

import os
import time

import torch
from torch import nn


class Slope(nn.Module):
    """A logistic regression."""

    classes = (False, True)

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1)

    def forward(self, rows):
        return self.line(rows)


def train(data, params, run):
    """As many epochs as `params["epochs"]`; every process has its share of the rows, and all take the same steps."""
    run.inputs("x")
    rows = data.select("x", "late").collect()
    x = torch.from_numpy(rows["x"].to_numpy().copy()).float().reshape(-1, 1)
    y = torch.from_numpy(rows["late"].to_numpy().copy()).float().reshape(-1, 1)
    module = Slope()
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    found = run.checkpoint.load()
    first = 0
    if found:
        state = torch.load(found.folder / "state.pt", weights_only=True)
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"] + 1
    print(f"rank {run.parallel.rank} of {run.parallel.size} begins at epoch {first}", flush=True)
    model = run.parallel.model(module)
    loader = run.parallel.loader(torch.utils.data.TensorDataset(x, y), 20)
    for epoch in range(first, params["epochs"]):
        run.parallel.epoch(loader, epoch)
        losses = [step(model, optimizer, *batch) for batch in loader]
        time.sleep(params.get("pause", 0))
        loss = run.parallel.mean(sum(losses) / len(losses))
        run.log(step=epoch, loss=loss, ranks=run.parallel.size)
        if run.checkpoint.due(every_s=params.get("every_s", 600)):
            state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
            torch.save(state, run.scratch / "state.pt")
            run.checkpoint.save(epoch, run.scratch / "state.pt")
        if epoch == params.get("dies_after") and first == 0 and run.parallel.rank >= params.get("dies_from", 0):
            os._exit(9)
    return module.cpu()


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def fails_in_one(data, params, run):
    """One process raises while the others wait for it."""
    if run.parallel.rank == params["rank"]:
        raise ValueError(f"rank {run.parallel.rank} has no luck")
    return train(data, params, run)
