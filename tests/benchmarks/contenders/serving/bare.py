"""What one writes by hand: FastAPI, a model of the request, and predict in a thread. `bare.py MODEL PORT`."""

import sys

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(sys.argv[1])
app = FastAPI()


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    inputs: list[Tensor]


@app.get("/v2/health/ready")
def ready():
    return {"ready": True}


@app.post("/v2/models/model/infer")
def infer(request: Request):
    tensor = request.inputs[0]
    answers = model.predict_proba(np.asarray(tensor.data, dtype=np.float32).reshape(tensor.shape))
    output = {"name": "score", "shape": list(answers.shape), "datatype": "FP64", "data": answers.ravel().tolist()}
    return {"model_name": "model", "outputs": [output]}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning")
