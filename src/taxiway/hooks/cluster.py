"""A Kubernetes cluster behind an Airflow connection, in the fields that its provider gives to that.

Airflow's own hook reads the same fields, and imports a second client to do so: see ADR 0015.
"""

import socket
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf

from taxiway.core.errors import SpecError

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from kubernetes.client import ApiClient, Configuration

_SOURCES = ("in_cluster", "kube_config_path", "kube_config")
_KEEP_ALIVE = (
    ("TCP_KEEPIDLE", "tcp_keep_idle", 120),
    ("TCP_KEEPINTVL", "tcp_keep_intvl", 30),
    ("TCP_KEEPCNT", "tcp_keep_cnt", 6),
)
"""Seconds until the first probe of an idle connection, between two, and how many: option, setting, default."""


def namespace_of(conn: "Connection | None") -> str:
    """The namespace that a connection names; `default` where it names none."""
    return str(_field(conn, "namespace") or "default")


def connect(conn: "Connection | None") -> "ApiClient":
    """A client with the rights that a connection gives; without one, of this pod, or of the kubeconfig of this machine.

    Raises:
        ConfigException: there is no such kubeconfig, or it cannot be read.
        SpecError: the connection says more than one, or the client's library is not installed.
    """
    try:
        from kubernetes.client import ApiClient, Configuration
    except ImportError:
        raise SpecError(
            "Kubernetes needs its client",
            where=_name(conn),
            do="pip install 'taxiway[kubernetes]', or Airflow's provider apache-airflow-providers-cncf-kubernetes",
        ) from None
    made = Configuration()
    _load(conn, made)
    if _is_true(_field(conn, "disable_verify_ssl")):
        made.verify_ssl = False
    if not _is_true(_field(conn, "disable_tcp_keepalive")):
        made.socket_options = _keep_alive()
    return ApiClient(made)


def _load(conn: "Connection | None", into: "Configuration") -> None:
    import yaml
    from kubernetes.config import (
        ConfigException,
        load_incluster_config,
        load_kube_config,
        load_kube_config_from_dict,
    )

    said = {name: value for name in _SOURCES if (value := _field(conn, name))}
    if len(said) > 1:
        raise SpecError(
            "the connection says more than one cluster",
            where=_name(conn),
            expected=f"at most one of {', '.join(_SOURCES)}",
            got=" and ".join(said),
            do="Empty all but one.",
        )
    context = _field(conn, "cluster_context")
    if "in_cluster" in said:
        load_incluster_config(client_configuration=into)
    elif "kube_config_path" in said:
        load_kube_config(said["kube_config_path"], context=context, client_configuration=into)
    elif "kube_config" in said:
        told = said["kube_config"]
        whole = yaml.safe_load(told) if isinstance(told, str) else told
        load_kube_config_from_dict(whole, context=context, client_configuration=into)
    else:
        try:
            load_incluster_config(client_configuration=into)
        except ConfigException:
            load_kube_config(context=context, client_configuration=into)


def _field(conn: "Connection | None", name: str) -> Any:
    """A field of the connection; Airflow before 2.3 wrote a longer name."""
    extra = conn.extra_dejson if conn else {}
    return (extra[name] if name in extra else extra.get(f"extra__kubernetes__{name}")) or None


def _is_true(value: object) -> bool:
    return value is True or str(value).strip().lower() == "true"


def _keep_alive() -> list[tuple[int, int, int]]:
    """What keeps a firewall from forgetting a connection, or shows that it did."""
    found = (
        (getattr(socket, option, None), conf.getint("kubernetes_executor", setting, fallback=default))
        for option, setting, default in _KEEP_ALIVE
    )
    return [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, option, value) for option, value in found if option is not None),
    ]


def _name(conn: "Connection | None") -> str:
    return f"connection {conn.conn_id!r}" if conn else "the connection to the cluster"
