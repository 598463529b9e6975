// Command chart-lint checks what the Helm chart renders, and says how an engine would run it.
//
//	chart-lint check SCHEMAS RENDERED       every document against the schemas of its kind; prints it abridged
//	chart-lint docker RENDERED SHARD DIR    writes the shard's configuration below DIR, prints docker's arguments
//
// SCHEMAS holds kubernetes/VERSION/*.json and crds/*.yaml, as scripts/build-chart-tools lays them out. It only reads
// what helm rendered. It must never repair or normalise: what passes here is what a cluster is given.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// A document of a rendered chart: its text, and what it says.
type document struct {
	text  string
	value map[string]any
}

func (d document) kind() string { return fmt.Sprint(d.value["kind"]) }

func (d document) name() string {
	metadata, _ := d.value["metadata"].(map[string]any)
	return fmt.Sprint(metadata["name"])
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "chart-lint: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "check":
		return check(args[1], args[2])
	case len(args) == 4 && args[0] == "docker":
		return docker(args[1], args[2], args[3])
	}
	return errors.New("usage: chart-lint check SCHEMAS RENDERED | docker RENDERED SHARD DIR")
}

// check fails with everything that is wrong in any document.
func check(schemas, rendered string) error {
	documents, err := read(rendered)
	if err != nil {
		return err
	}
	known, err := loadSchemas(schemas)
	if err != nil {
		return err
	}
	var wrong []error
	for _, document := range documents {
		if err := known.validate(document); err != nil {
			wrong = append(wrong, fmt.Errorf("%s %s: %w", document.kind(), document.name(), err))
		}
		short, err := abridge(document)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s %s: %w", document.kind(), document.name(), err))
		}
		fmt.Printf("---\n%s\n", strings.TrimSpace(short))
	}
	return errors.Join(wrong...)
}

// read cuts a stream of documents; a key that is given twice is an error.
func read(path string) ([]document, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var documents []document
	for _, text := range bytes.Split(append([]byte("\n"), raw...), []byte("\n---\n")) {
		var value map[string]any
		if err := yaml.UnmarshalStrict(text, &value); err != nil {
			return nil, fmt.Errorf("%s: %w\n%.200s", path, err, text)
		}
		if len(value) > 0 {
			documents = append(documents, document{string(text), value})
		}
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s: no documents", path)
	}
	return documents, nil
}

// abridge replaces the rules and dashboards in a document by the name of the file that they are, after a look that
// they are exactly what stands in it (but for the addresses that the values give).
func abridge(d document) (string, error) {
	switch d.kind() {
	case "PrometheusRule":
		matches, err := filepath.Glob("rules/*.yaml")
		if err != nil {
			return "", err
		}
		for _, path := range matches {
			if sameRules(path, d.value["spec"]) {
				head, _, _ := strings.Cut(d.text, "\nspec:\n")
				return head + "\nspec: # the content of " + path, nil
			}
		}
		return d.text, errors.New("its rules are those of no file in rules/")
	case "ConfigMap":
		data, _ := d.value["data"].(map[string]any)
		for name, content := range data {
			if !strings.HasSuffix(name, ".json") {
				continue
			}
			board, language := cutLast(strings.TrimSuffix(strings.TrimPrefix(name, "wolkvox-"), ".json"), "-")
			path := filepath.Join("dashboards", language, board+".json")
			original, err := os.ReadFile(path)
			if err != nil {
				return d.text, err
			}
			if string(original) != content {
				return d.text, fmt.Errorf("%s is not what stands in %s", name, path)
			}
			head, _, _ := strings.Cut(d.text, "\ndata:\n")
			return head + "\ndata:\n  " + name + ": # the content of " + path, nil
		}
	}
	return d.text, nil
}

func cutLast(text, separator string) (string, string) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at+len(separator):]
}
