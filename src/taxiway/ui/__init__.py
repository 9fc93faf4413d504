"""Pages inside Airflow's web server, read from the store; the few actions go through Airflow's own permissions.

`app.build` makes the FastAPI application that `taxiway.plugin` mounts. What a page says is decided in core; here it is
fetched (`shelf`, `library`), guarded (`guard`), and rendered (`render`, `charts`, `templates/`).
"""
