//go:build tools

// Package tools names the program that ../../build-s3 compiles from this module.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
