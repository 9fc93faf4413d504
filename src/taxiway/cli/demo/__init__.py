"""The demo: a private Airflow, the flights of 2013, and the whole life of one model."""
