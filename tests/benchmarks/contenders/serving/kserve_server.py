"""KServe's Python server with a model of one's own, as its documentation has it. `kserve_server.py MODEL PORT`."""

import sys

import joblib
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

path, port = sys.argv[1:3]
sys.argv = [sys.argv[0]]


class Forest(Model):
    def __init__(self):
        super().__init__("model")
        self.load()

    def load(self):
        self.model = joblib.load(path)
        self.ready = True

    def predict(self, payload: InferRequest, *_, **__):
        answers = self.model.predict_proba(payload.inputs[0].as_numpy())
        output = InferOutput("score", list(answers.shape), "FP64", answers.ravel().tolist())
        return InferResponse(payload.id or "1", "model", [output])


server = ModelServer(http_port=int(port), grpc_port=int(port) + 1, workers=1, access_log_format=None)
server.start([Forest()])
