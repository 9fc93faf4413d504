"""Whether a cluster and a store are ready for Taxiway; asks, and changes nothing but the store's own probe.

    python check.py before|after asked.json

`before` the chart is installed: the store, Airflow's accounts, the GPUs. `after`: the rights of the accounts.
One line for each question; exit code 1 when an answer is bad.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

IDENTITY = Path("/var/run/secrets/kubernetes.io/serviceaccount")
Finding = tuple[str, str]
"""What was asked, and what is wrong and to be done; empty when nothing is."""


def call(path: str, body: dict | None = None) -> dict | None:
    """What the API server answers; None when there is no such thing."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    token = (IDENTITY / "token").read_text(encoding="utf-8")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"https://{address}{path}", json.dumps(body).encode() if body else None, headers)
    trusted = ssl.create_default_context(cafile=str(IDENTITY / "ca.crt"))
    try:
        with urllib.request.urlopen(asked, timeout=30, context=trusted) as answer:  # noqa: S310 - always https
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:  # noqa: PLR2004 - not found
            return None
        raise


def accounts(asked: dict) -> Iterator[Finding]:
    """Airflow's accounts are those that the values name."""
    for name in asked["accounts"]:
        found = call(f"/api/v1/namespaces/{asked['airflow']}/serviceaccounts/{name}")
        wrong = f"There is none: correct airflow.accounts (kubectl get serviceaccounts -n {asked['airflow']})."
        yield f"Airflow's service account {name} is in the namespace {asked['airflow']}", "" if found else wrong


def gpus(asked: dict) -> Iterator[Finding]:
    """Some node has what trainings ask for."""
    if asked["gpu"]:
        nodes = (call("/api/v1/nodes") or {}).get("items", [])
        there = sum(int(node["status"].get("allocatable", {}).get(asked["gpu"], 0)) for node in nodes)
        wrong = "No node has any: install the device plugin of your GPUs, or correct check.gpu."
        yield f"nodes have {asked['gpu']}: {there}", "" if there else wrong


def store(asked: dict) -> Iterator[Finding]:
    """The store can be trusted with a registry."""
    if asked["store"]:
        from taxiway.core.errors import TaxiwayError
        from taxiway.stores.objects import open_store
        from taxiway.stores.probe import probe

        try:
            yield from ((found.check, found.detail) for found in probe(open_store(asked["store"])))
        except TaxiwayError as error:
            yield f"the store {asked['store']} opens", str(error)


def rights(asked: dict) -> Iterator[Finding]:
    """Each account may do what Taxiway does."""
    for place in asked["rights"]:
        for name in asked["accounts"]:
            who = f"system:serviceaccount:{asked['airflow']}:{name}"
            denied = [words for words, what in _each(place) if not _may(who, {**what, "namespace": place["namespace"]})]
            wrong = f"It may not {', '.join(denied)}: look at the Roles and RoleBindings of {place['namespace']}."
            yield f"{name} may do its work in {place['namespace']}", wrong if denied else ""


def _each(place: dict) -> Iterator[tuple[str, dict]]:
    for rule in place["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    name, _, part = resource.partition("/")
                    yield f"{verb} {resource}", {"group": group, "resource": name, "subresource": part, "verb": verb}


def _may(who: str, what: dict) -> bool:
    review = {"user": who, "groups": ["system:serviceaccounts", "system:authenticated"], "resourceAttributes": what}
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    answer = call("/apis/authorization.k8s.io/v1/subjectaccessreviews", {**kind, "spec": review}) or {}
    return answer["status"]["allowed"]


def main(when: str, file: str) -> int:
    """Asks all that is to be asked at this time; the exit code."""
    asked = json.loads(Path(file).read_text(encoding="utf-8"))
    bad = 0
    for ask in {"before": (accounts, gpus, store), "after": (rights,)}[when]:
        try:
            for what, wrong in ask(asked):
                bad += bool(wrong)
                print(f"FAIL  {what}: {wrong}" if wrong else f"ok    {what}", flush=True)
        except (OSError, KeyError, ValueError) as error:
            bad += 1
            print(f"FAIL  {ask.__doc__} It could not be asked: {error}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
