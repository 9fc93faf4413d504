"""The application: everything that is asked seldom, and the OpenAPI page that describes all of it."""

from typing import TYPE_CHECKING, Any

from taxiway.core.traffic import Slot as Place
from taxiway.runtime.environment import own_version
from taxiway.runtime.serving import metrics
from taxiway.runtime.serving.fleet import Fleet
from taxiway.runtime.serving.frames import refusal
from taxiway.runtime.serving.openapi import complete
from taxiway.runtime.serving.slot import Slot, State
from taxiway.runtime.serving.tensors import datatype_of

if TYPE_CHECKING:
    from fastapi import FastAPI

_STATES = {State.READY: "READY", State.LOADING: "LOADING", State.RESTARTING: "LOADING"}


class Facts:
    """What there is to say about the models of a server."""

    def __init__(self, service: str, fleet: Fleet) -> None:
        self.service = service
        self.draining = False
        self._fleet = fleet

    @property
    def ready(self) -> bool:
        """Whether requests are answered, by bytes that were verified and have answered their golden requests."""
        return self._fleet.routes.ready and not self.draining

    @property
    def answering(self) -> Slot | None:
        """What answers, if anything does."""
        routes = self._fleet.routes
        return routes.live or routes.candidate

    def slot(self, model: str, version: str | None) -> Slot | None:
        """The slot of a model's version, or the one that answers; None when there is none."""
        routes = self._fleet.routes
        for slot, _ in routes.slots():
            if slot.target.model.name == model and version in (None, str(slot.target.number)):
                return slot
        return None

    def metadata(self, slot: Slot) -> dict[str, Any]:
        """The protocol's description of a model."""
        model = slot.target.model
        versions = [one.target.number for one, _ in self._fleet.routes.slots()]
        inputs = [{"name": one.name, "datatype": datatype_of(one.dtype), "shape": [-1]} for one in model.inputs]
        return {
            "name": model.name,
            "versions": [str(number) for number in sorted(set(versions))],
            "platform": f"taxiway_{model.flavour}",
            "inputs": inputs,
            "outputs": slot.outputs,
            "parameters": {"version": slot.target.number, "digest": model.digest, "service": self.service},
        }

    def index(self, *, only_ready: bool) -> list[dict[str, str]]:
        """The protocol's list of models."""
        found = [
            {
                "name": slot.target.model.name,
                "version": str(slot.target.number),
                "state": _STATES.get(slot.state, "UNAVAILABLE"),
                "reason": slot.reason or ("" if place is Place.LIVE else str(place)),
            }
            for slot, place in self._fleet.routes.slots()
        ]
        return [one for one in found if one["state"] == "READY" or not only_ready]


def build(facts: Facts, fleet: Fleet, collector: metrics.Collector) -> "FastAPI":
    """The FastAPI application of a server."""
    from fastapi import FastAPI

    app = FastAPI(
        title=f"Taxiway service {facts.service}",
        version=own_version() or "unknown",
        description="Open Inference Protocol v2, and `POST /predict` with named columns.",
    )
    _refusals(app)
    _health(app, facts)
    _models(app, facts)
    _repository(app, facts)
    _insight(app, facts, fleet, collector)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        live = facts.answering
        return complete(described(), live.target.model if live else None)

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _refusals(app: "FastAPI") -> None:
    """Whatever is refused, is so in the words of the protocol: `{"error": "…"}`."""
    from fastapi import Response
    from starlette.exceptions import HTTPException

    @app.exception_handler(HTTPException)
    async def refuse(_: Any, error: HTTPException) -> Response:
        body = refusal(error.status_code, str(error.detail)).body
        return Response(body, error.status_code, error.headers, "application/json")


def _health(app: "FastAPI", facts: Facts) -> None:
    from fastapi import Response

    @app.get("/v2/health/live", tags=["health"], summary="Whether the server lives")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready", tags=["health"], summary="Whether requests are answered", responses={503: {}})
    async def ready(response: Response) -> dict[str, bool]:
        response.status_code = 200 if facts.ready else 503
        return {"ready": facts.ready}


def _models(app: "FastAPI", facts: Facts) -> None:
    from fastapi import HTTPException, Response

    def require(model: str, version: str | None) -> Slot:
        slot = facts.slot(model, version)
        if slot is None:
            raise HTTPException(404, "there is no such model or version here")
        return slot

    @app.get("/v2", tags=["server"], summary="What this server is")
    async def server() -> dict[str, Any]:
        return {
            "name": "taxiway",
            "version": own_version() or "unknown",
            "extensions": ["binary_tensor_data", "model_repository"],
        }

    @app.get("/v2/models/{model}", tags=["models"], summary="What a model reads and gives", responses={404: {}})
    async def metadata(model: str) -> dict[str, Any]:
        return facts.metadata(require(model, None))

    @app.get("/v2/models/{model}/versions/{version}", tags=["models"], responses={404: {}})
    async def version_metadata(model: str, version: str) -> dict[str, Any]:
        return facts.metadata(require(model, version))

    @app.get("/v2/models/{model}/ready", tags=["models"], responses={404: {}, 503: {}})
    async def model_ready(model: str, response: Response) -> dict[str, Any]:
        slot = require(model, None)
        response.status_code = 200 if slot.ready else 503
        return {"name": model, "ready": slot.ready}

    @app.get("/v2/models/{model}/versions/{version}/ready", tags=["models"], responses={404: {}, 503: {}})
    async def version_ready(model: str, version: str, response: Response) -> dict[str, Any]:
        slot = require(model, version)
        response.status_code = 200 if slot.ready else 503
        return {"name": model, "version": version, "ready": slot.ready}


def _repository(app: "FastAPI", facts: Facts) -> None:
    from fastapi import HTTPException, Request

    @app.post("/v2/repository/index", tags=["models"], summary="Every version that is here")
    async def index(request: Request) -> list[dict[str, str]]:
        try:
            asked = await request.json() if await request.body() else {}
        except ValueError:
            raise HTTPException(400, "the body is not JSON") from None
        return facts.index(only_ready=isinstance(asked, dict) and bool(asked.get("ready")))

    @app.post("/v2/repository/models/{model}/load", tags=["models"], responses={400: {}})
    @app.post("/v2/repository/models/{model}/unload", tags=["models"], responses={400: {}})
    async def never(model: str) -> None:  # noqa: ARG001 - the protocol's path
        raise HTTPException(400, "this server loads what the log of the model says, and nothing else")


def _insight(app: "FastAPI", facts: Facts, fleet: Fleet, collector: metrics.Collector) -> None:
    from fastapi import Response

    @app.get("/metrics", tags=["insight"], summary="Prometheus metrics", response_class=Response)
    async def prometheus() -> Response:
        return Response(metrics.text(collector), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/status", tags=["insight"], summary="What shall be served, what is, and why they differ")
    async def status() -> dict[str, Any]:
        return metrics.status(facts.service, fleet)
