"""The Airflow plugin: our pages in the web server, and where its menus lead to them."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Scope]]
_Send = Callable[[_Scope], Awaitable[None]]


class Pages:
    """The application of `taxiway.ui`, built when it is first asked: every component of Airflow loads this plugin."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Hands a request on."""
        if self._app is None:
            from taxiway.ui.app import build

            self._app = build()
        await self._app(scope, receive, send)


class TaxiwayPlugin(AirflowPlugin):
    """Taxiway's place in the Airflow web UI: "Models" in the side bar, "Drift" on the pages of a DAG."""

    name = "taxiway"
    fastapi_apps = [{"app": Pages(), "url_prefix": "/taxiway", "name": "Taxiway"}]
    external_views = [
        {
            "name": "Models",
            "href": "taxiway/models",
            "destination": "nav",
            "url_route": "models",
            "nav_top_level": True,
        },
        {
            "name": "Drift",
            "href": "taxiway/dags/{DAG_ID}/drift?tab=1",
            "destination": "dag",
            "url_route": "drift",
        },
    ]
