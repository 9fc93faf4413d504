"""Who may see a page and who may act; nothing of it is inherited from Airflow's web server.

To see a page takes the right to read assets, to act the right to change them: Airflow knows a model by its assets.
Forms carry a signed word that only a page shown to the same user can hold.
"""

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_asset
from airflow.configuration import conf
from fastapi import Depends, Form, HTTPException, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

_VALID_S = 12 * 3600
_SAID_S = 300


def known(request: Request, user: GetUserDep) -> None:
    """Lets the page know whom it is shown to."""
    request.state.taxiway_user = user


MAY_READ = (Depends(requires_access_asset("GET")), Depends(known))
MAY_ACT = Depends(requires_access_asset("PUT"))


def may_act(user: BaseUser) -> bool:
    """Whether forms are shown to a user; the routes that they go to ask again."""
    manager: Any = get_auth_manager()
    return bool(manager.is_authorized_asset(method="PUT", user=user))


def token(user: BaseUser) -> str:
    """The word for the forms on a page that is shown to a user."""
    return str(_serializer("form").dumps(str(user.get_id())))


def signed(request: Request, user: GetUserDep, token: Annotated[str, Form()] = "") -> None:
    """Refuses a form that no page of ours has shown to this user.

    Raises:
        HTTPException: 403.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "This form came from another site.")
    try:
        said = _serializer("form").loads(token, max_age=_VALID_S)
    except BadSignature:
        said = None
    if said != str(user.get_id()):
        raise HTTPException(403, "This form is too old, or was not made for you. Load the page again.")


SIGNED = Depends(signed)


def sealed(words: str) -> str:
    """What was done, for the address of the page that says it: nobody else can make our pages say anything."""
    return str(_serializer("done").dumps(words))


def unsealed(said: str) -> str:
    """The words, or nothing where they are old or not ours."""
    try:
        return str(_serializer("done").loads(said, max_age=_SAID_S))
    except BadSignature:
        return ""


def _serializer(what: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get_mandatory_value("api", "secret_key"), salt=f"taxiway/{what}")
