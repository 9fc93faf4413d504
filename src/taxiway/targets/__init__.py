"""Where a model serves: this machine, a Docker engine, a Kubernetes cluster."""
