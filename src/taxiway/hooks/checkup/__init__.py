"""What `taxiway doctor` asks of an Airflow that exists, and of what is around it; nothing is changed by asking."""
