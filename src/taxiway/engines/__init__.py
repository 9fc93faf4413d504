"""What computes on bytes: contracts, validation, inference, metrics. No network, no clock, no Airflow."""
