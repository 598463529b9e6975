package main

import (
	"encoding/json"
	"os"
	"regexp"

	"sigs.k8s.io/yaml"
)

// The part of a rule file that the chart's values replace: where Grafana is.
var replaced = regexp.MustCompile(`https?://[^/"\\]+/d/`)

// sameRules says whether spec is what stands in a rule file, but for the addresses.
func sameRules(path string, spec any) bool {
	raw, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var file any
	if yaml.UnmarshalStrict(raw, &file) != nil {
		return false
	}
	return canonical(file) == canonical(spec)
}

func canonical(value any) string {
	// Cannot fail: the value was read from YAML.
	text, _ := json.Marshal(value)
	return replaced.ReplaceAllString(string(text), "")
}
