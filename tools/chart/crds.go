//go:build tools

package main

// What controller-gen makes the schemas of the operator's kinds of.
import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
