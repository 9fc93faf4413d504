"""The same with KubernetesPodOperator. Its script does what is done for a training, and then says when it begins."""

import json
import os
from datetime import UTC, datetime

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

SCRIPT = """
import io, os, random, time
import numpy, obstore, polars
from obstore.store import from_url
random.seed(0)
numpy.random.seed(0)
store = from_url(os.environ["STORE"], client_options={"allow_http": True})
rows = polars.read_parquet(io.BytesIO(bytes(store.get("rows/rows.parquet").bytes())))
began = time.time()
from sklearn.linear_model import LogisticRegression
LogisticRegression().fit(rows.select("x"), rows["late"].to_numpy())
store.put("times/" + os.environ["NAME"], f"{began} {time.time()}".encode())
"""
told = json.loads(os.environ["TAXIWAY_BENCHMARK"])

for how in ("waiting", "deferred"):
    with DAG(f"theirs-{how}", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)):
        KubernetesPodOperator(
            task_id="train",
            name="train",
            namespace=told["namespace"],
            image=told["image"],
            cmds=["python", "-c", SCRIPT],
            env_vars={"STORE": told["store"], "NAME": "{{ run_id }}", "HOME": "/tmp"},
            env_from=[k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=told["secret"]))],
            security_context={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            container_security_context=k8s.V1SecurityContext(
                allow_privilege_escalation=False, capabilities=k8s.V1Capabilities(drop=["ALL"])
            ),
            container_resources=k8s.V1ResourceRequirements(requests={"cpu": "100m", "memory": "1Gi"}),
            deferrable=how == "deferred",
        )
