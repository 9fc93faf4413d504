import json

import numpy as np
import pytest

from contract.flavours.flavour_contract import FlavourContract


class Line:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def predict(self, rows):
        return rows["delay"].to_numpy() * self.weight


def load_line(folder):
    from taxiway.core.errors import IntegrityError

    try:
        return Line(json.loads((folder / "weights" / "line.json").read_text())["delay"])
    except (OSError, ValueError) as error:
        raise IntegrityError("the line is damaged", got=str(error)) from error


class TestAFolderWithALoader(FlavourContract):
    name = "folder"
    classes = ()

    @pytest.fixture
    def fitted(self, tmp_path):
        folder = tmp_path / "line"
        (folder / "weights").mkdir(parents=True)
        (folder / "weights" / "line.json").write_text('{"delay": 3.0}')
        (folder / "loader").write_text("contract.flavours.test_folder:load_line\n")
        return folder

    def expected(self, _model, data) -> np.ndarray:
        return data["delay"].to_numpy() * 3.0
