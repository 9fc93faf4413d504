"""Object storage: blobs named by their content, the registry's log, run histories and the mailbox of jobs."""
