"""What Airflow's provider discovery is told; literals only, and never an import of airflow."""

from typing import Any

_CONNECTION = {
    "connection-type": "taxiway",
    "hook-class-name": "taxiway.hooks.store.TaxiwayHook",
    "hook-name": "Taxiway store",
    "ui-field-behaviour": {
        "hidden-fields": ["host", "schema", "port", "login", "password", "extra"],
        "relabeling": {},
        "placeholders": {},
    },
    "conn-fields": {
        "store": {
            "label": "Store",
            "schema": {"type": ["string", "null"]},
            "description": "URI of the folder or bucket prefix that holds models, runs and the registry: "
            "s3://bucket/prefix, gs://…, az://… or file:///…",
        },
        "aws_conn_id": {
            "label": "AWS connection",
            "schema": {"type": ["string", "null"]},
            "description": "Id of the Airflow connection with the credentials for s3://; without one, the default "
            "chain (environment, instance role) is used",
        },
        "region": {
            "label": "Region",
            "schema": {"type": ["string", "null"]},
            "description": "Region of the bucket, where the AWS connection does not say it",
        },
        "endpoint": {
            "label": "Endpoint",
            "schema": {"type": ["string", "null"]},
            "description": "URL of an S3-compatible server, such as http://127.0.0.1:9000",
        },
        "profiles": {
            "label": "Resource profiles",
            "schema": {"type": ["string", "object", "null"]},
            "description": "What KubernetesJob(resources=…) may name, as JSON or as the path of a JSON file: "
            '{"gpu.small": {"gpus": 1, "memory": "16Gi"}}. Without it, those of [taxiway] profiles',
        },
    },
}

_CONFIG = {
    "taxiway": {
        "description": "Where Taxiway keeps models, runs and the registry.",
        "options": {
            "store": {
                "description": "URI of the store when there is no connection `taxiway_default`.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "s3://bucket/prefix",
                "default": "file://{AIRFLOW_HOME}/taxiway",
            },
            "profiles": {
                "description": "Resource profiles that `KubernetesJob(resources=…)` may name, as JSON or as the path "
                "of a JSON file, where the connection has none.",
                "version_added": "0.1.0",
                "type": "string",
                "example": '{"gpu.small": {"gpus": 1, "memory": "16Gi"}}',
                "default": "",
            },
        },
    },
}


def get_provider_info() -> dict[str, Any]:
    """The provider's description, as Airflow's `provider_info.schema.json` has it."""
    return {
        "package-name": "taxiway",
        "name": "Taxiway",
        "description": "Decide whether a model may go live, prove why.",
        "versions": ["0.1.0"],
        "integrations": [{"integration-name": "Taxiway", "external-doc-url": "", "tags": ["service"]}],
        "connection-types": [_CONNECTION],
        "config": _CONFIG,
        "asset-uris": [{"schemes": ["x-taxiway"], "handler": None}],
        "extra-links": [
            "taxiway.links.RecordLink",
            "taxiway.links.ModelLink",
            "taxiway.links.DataLink",
            "taxiway.links.EvidentlyLink",
            "taxiway.links.DriftLink",
        ],
        "notifications": [
            "taxiway.notifications.notices.NoticeNotifier",
            "taxiway.notifications.decision.DecisionNotifier",
        ],
        "hooks": [{"integration-name": "Taxiway", "python-modules": ["taxiway.hooks.store"]}],
        "triggers": [
            {
                "integration-name": "Taxiway",
                "python-modules": ["taxiway.triggers.jobs", "taxiway.triggers.registry", "taxiway.triggers.monitoring"],
            }
        ],
        "sensors": [
            {
                "integration-name": "Taxiway",
                "python-modules": ["taxiway.sensors.registry", "taxiway.sensors.monitoring"],
            }
        ],
        "operators": [
            {
                "integration-name": "Taxiway",
                "python-modules": [
                    "taxiway.operators.validation",
                    "taxiway.operators.training",
                    "taxiway.operators.evaluation",
                    "taxiway.operators.gates",
                    "taxiway.operators.approval",
                    "taxiway.operators.registry",
                    "taxiway.operators.scoring",
                    "taxiway.operators.notices",
                    "taxiway.operators.monitoring",
                    "taxiway.operators.incidents",
                    "taxiway.operators.skew",
                ],
            }
        ],
    }
