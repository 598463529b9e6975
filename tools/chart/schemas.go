package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// schemas are those of Kubernetes, for each of its versions, and of the operator's own kinds.
type schemas struct {
	versions map[string]*jsonschema.Compiler
	custom   map[string]*jsonschema.Schema
}

// base is where the schemas of a version say that they are; they refer to each other from there.
const base = "https://kubernetes.io/api/"

// directory loads the schemas of a version from where they really are.
type directory string

func (d directory) Load(url string) (any, error) {
	name, found := strings.CutPrefix(url, base)
	if !found {
		return nil, fmt.Errorf("%s is not among the schemas", url)
	}
	file, err := os.Open(filepath.Join(string(d), name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return jsonschema.UnmarshalJSON(file)
}

func loadSchemas(root string) (*schemas, error) {
	versions, err := filepath.Glob(filepath.Join(root, "kubernetes", "*"))
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("%s: no schemas of Kubernetes", root)
	}
	known := &schemas{map[string]*jsonschema.Compiler{}, map[string]*jsonschema.Schema{}}
	for _, version := range versions {
		compiler := jsonschema.NewCompiler()
		compiler.UseLoader(directory(version))
		known.versions[filepath.Base(version)] = compiler
	}
	files, err := filepath.Glob(filepath.Join(root, "crds", "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if err := known.addCustom(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return known, nil
}

// addCustom takes the schemas of a CustomResourceDefinition, and makes them refuse fields that they do not have.
func (s *schemas) addCustom(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(raw, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		// Beside what every object has, whose schema is Kubernetes' own.
		closeObjects(schema)
		schema["properties"].(map[string]any)["metadata"] = map[string]any{"type": "object"}
		name := fmt.Sprintf("%s/%s/%s", definition.Spec.Group, version.Name, definition.Spec.Names.Kind)
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("crd:///"+name, schema); err != nil {
			return err
		}
		compiled, err := compiler.Compile("crd:///" + name)
		if err != nil {
			return err
		}
		s.custom[name] = compiled
	}
	return nil
}

func closeObjects(schema any) {
	switch schema := schema.(type) {
	case []any:
		for _, item := range schema {
			closeObjects(item)
		}
	case map[string]any:
		_, properties := schema["properties"].(map[string]any)
		_, decided := schema["additionalProperties"]
		if properties && !decided && schema["x-kubernetes-preserve-unknown-fields"] != true {
			schema["additionalProperties"] = false
		}
		for _, value := range schema {
			closeObjects(value)
		}
	}
}

// validate fails on an unknown kind or field, a missing one, and a value of another type or beyond its pattern.
func (s *schemas) validate(d document) error {
	apiVersion := fmt.Sprint(d.value["apiVersion"])
	if custom := s.custom[apiVersion+"/"+d.kind()]; custom != nil {
		return custom.Validate(d.value)
	}
	var wrong []error
	for version, compiler := range s.versions {
		schema, err := compiler.Compile(base + fileName(apiVersion, d.kind()))
		if err == nil {
			err = schema.Validate(d.value)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("Kubernetes %s: %w", version, err))
		}
	}
	return errors.Join(wrong...)
}

// fileName is statefulset-apps-v1.json for apps/v1 StatefulSet, and service-v1.json for v1 Service.
func fileName(apiVersion, kind string) string {
	group, version, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		return fmt.Sprintf("%s-%s.json", strings.ToLower(kind), group)
	}
	group, _, _ = strings.Cut(group, ".")
	return fmt.Sprintf("%s-%s-%s.json", strings.ToLower(kind), group, version)
}
