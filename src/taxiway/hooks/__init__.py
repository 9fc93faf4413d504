"""From an Airflow connection to a store, and from a task to its job."""

DEFAULT_CONN_ID = "taxiway_default"
