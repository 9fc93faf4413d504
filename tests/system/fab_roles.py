"""Asks every route of the pages as every role of the FAB auth manager; prints JSON: role to "METHOD path" to status.

A program of its own, because an auth manager is chosen once per process: `python -m system.fab_roles`.
"""

import json
import re
import sys
import warnings

ROLES = ("Public", "Viewer", "User", "Op", "Admin")
VALUES = {"name": "flight-delay", "number": "1", "population": "all"}


def main() -> None:
    warnings.simplefilter("ignore")
    from airflow.utils.db import initdb

    initdb()
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    app = create_app()
    with TestClient(app, follow_redirects=False) as client:
        told = {"nobody": asked(client, "", ""), **{role: asked(client, *signed_in(role)) for role in ROLES}}
        print(json.dumps(told), file=sys.__stdout__)


def signed_in(role: str) -> tuple[str, str]:
    """The token of a new user of this role, and the word of a form that was shown to them."""
    from airflow.api_fastapi.app import get_auth_manager

    from taxiway.ui import guard

    manager = get_auth_manager()
    with manager.flask_app.app_context():
        security = manager.security_manager
        user = security.add_user(
            username=f"a-{role}",
            first_name="A",
            last_name=role,
            email=f"{role}@example.test".lower(),
            role=security.find_role(role),
            password="secret",
        )
        return manager.generate_jwt(user), guard.token(user)


def asked(client, token: str, word: str) -> dict[str, int]:
    from taxiway.ui.app import build

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    form = {"token": word, "reason": "because of a test", "expected": 1, "incident": 1}
    found = {}
    for route in build().routes:
        path = re.sub(r"{(\w+)(:\w+)?}", lambda part: VALUES.get(part[1], "x"), route.path)
        for method in sorted(route.methods - {"HEAD"}):
            given = {"data": form} if method == "POST" else {}
            answer = client.request(method, f"/taxiway{path}", headers=headers, **given)
            found[f"{method} {path}"] = answer.status_code
    return found


if __name__ == "__main__":
    main()
