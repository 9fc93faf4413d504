"""What an author writes in a recipe, a noun a file; the records of the same nouns lie one folder up.

A DAG file is parsed all day long. So nothing here imports a record: those are built when a task runs.
"""
