//go:build tools

// Package tools names the programs that ../../build-helm compiles from this module.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "helm.sh/helm/v4/cmd/helm"
)
