"""LitServe, as its documentation has it. `litserve_server.py MODEL PORT BATCH`."""

import sys

import joblib
import litserve
import numpy as np

path, port, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class Api(litserve.LitAPI):
    def setup(self, _):
        self.model = joblib.load(path)

    def decode_request(self, request):
        tensor = request["inputs"][0]
        return np.asarray(tensor["data"], dtype=np.float32).reshape(tensor["shape"])

    def batch(self, inputs):
        return np.concatenate(inputs)

    def predict(self, rows):
        return self.model.predict_proba(rows)

    def unbatch(self, output):
        return [row[None] for row in output]

    def encode_response(self, output):
        return {"outputs": [{"name": "score", "shape": list(output.shape), "data": output.ravel().tolist()}]}


if __name__ == "__main__":
    api = (
        Api(max_batch_size=batch, batch_timeout=0.002, api_path="/v2/models/model/infer")
        if batch > 1
        else Api(api_path="/v2/models/model/infer")
    )
    server = litserve.LitServer(api, accelerator="cpu", timeout=60)
    server.run(host="127.0.0.1", port=port, log_level="warning", access_log=False, generate_client_file=False)
