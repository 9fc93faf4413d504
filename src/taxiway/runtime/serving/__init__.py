"""`python -m taxiway.runtime serve`: the server that follows what the registry's log says a service shall serve.

Three kinds of processes. The *server* speaks HTTP, holds no model and no data library, and lives whatever a model does.
Each *predictor* holds one loaded version and answers batches of requests through a pipe; it may crash, hang or leak,
and is replaced. The *nursery* has imported the libraries of the models and forks predictors, so that one is there in a
moment.
"""
