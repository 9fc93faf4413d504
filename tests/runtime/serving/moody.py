"""A model that answers well, until it is asked about an hour that no day has: then it does what it was told to do."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np

NO_HOUR = 100


class Moody:
    def __init__(self, mood):
        self.mood = mood

    def predict(self, rows):
        answers = rows["delay"].to_numpy() * self.mood.get("times", 1.0)
        odd = rows["hour"].to_numpy() >= NO_HOUR
        if odd.any():
            getattr(self, self.mood.get("then", "nothing"))()
            if self.mood.get("then") == "nan":
                answers = np.where(odd, np.nan, answers)
        return answers

    def nothing(self):
        pass

    def nan(self):
        pass

    def fail(self):
        raise RuntimeError("there is no such hour")

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self):
        while True:
            pass

    def slow(self):
        time.sleep(self.mood.get("seconds", 0.5))

    def wait(self):
        while Path(self.mood["until_gone"]).is_file():  # it takes as long as a test wants
            time.sleep(0.01)

    def burn(self):
        end = time.monotonic() + self.mood.get("seconds", 0.5)
        while time.monotonic() < end:
            sum(range(1000))


def load(folder):
    mood = json.loads((folder / "mood").read_text())
    while Path(mood.get("unless", "")).is_file():  # it takes as long as a test wants
        time.sleep(0.02)
    return Moody(mood)


def train(data, params, run):
    folder = run.scratch / "model"
    folder.mkdir()
    (folder / "loader").write_text("runtime.serving.moody:load")
    (folder / "mood").write_text(json.dumps(params))
    run.inputs("delay", "hour")
    return folder
