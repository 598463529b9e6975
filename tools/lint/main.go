// Command stack-lint checks the files of the stack to try against the types and the schema of those who read
// them: dashboards against Grafana's schema types, compose.yaml against the compose specification.
//
//	stack-lint dashboards dashboards/en/*.json
//	stack-lint compose compose.yaml
//
// It only reads. It must never repair or normalise: what passes here is what users import.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: stack-lint dashboards|compose FILE...")
		os.Exit(2)
	}
	check := map[string]func(string) error{"dashboards": checkDashboard, "compose": checkCompose}[os.Args[1]]
	if check == nil {
		fmt.Fprintf(os.Stderr, "stack-lint: %q is neither dashboards nor compose\n", os.Args[1])
		os.Exit(2)
	}
	failed := false
	for _, path := range os.Args[2:] {
		if err := check(path); err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "stack-lint: %s: %v\n", path, err)
			continue
		}
		fmt.Printf("%s: ok\n", path)
	}
	if failed {
		os.Exit(1)
	}
}

// checkDashboard fails on a field that Grafana's types do not have, on one of another type, and on a value
// outside of its enumeration; also inside the options of each kind of panel and query.
func checkDashboard(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	plugins.RegisterDefaultPlugins()
	var board dashboard.Dashboard
	if err := withoutEmpty(board.UnmarshalJSONStrict(raw)); err != nil {
		return err
	}
	if err := withoutEmpty(board.Validate()); err != nil {
		return err
	}
	var kinds struct{ Panels []struct{ Type string } }
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return err
	}
	if len(kinds.Panels) == 0 {
		return errors.New("no panels")
	}
	return nil
}

// withoutEmpty gives nil for a list of no errors, which the generated code returns where it means none.
func withoutEmpty(err error) error {
	var list cog.BuildErrors
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}

// checkCompose validates against the specification's JSON schema and resolves the model, as docker compose does.
func checkCompose(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithOsEnv)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for _, service := range project.Services {
		if service.Image == "" {
			return fmt.Errorf("service %s has no image with a version", service.Name)
		}
	}
	return nil
}
