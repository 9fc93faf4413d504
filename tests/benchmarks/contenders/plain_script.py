"""One process, no framework: `python plain_script.py LAKE REGISTRY`."""

import sys
from pathlib import Path

import steps


def main(lake: Path, registry: Path) -> None:
    steps.validate(lake)
    model = steps.train(lake)
    measured = steps.evaluate(model, lake)
    steps.gate(measured)
    steps.register(model, measured, registry)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
