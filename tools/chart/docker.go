package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// docker prints, one a line, the arguments with which `docker run` starts a shard's container as a kubelet would:
// image, command, variables, user, read-only root, capabilities and mounts. The configuration is written to
// DIR/config; DIR/tokens and DIR/web are the caller's to fill, and the volume is called state-SHARD.
func docker(rendered, shard, directory string) error {
	documents, err := read(rendered)
	if err != nil {
		return err
	}
	var set *apps.StatefulSet
	for _, document := range documents {
		if labelOf(document, "wolkvox-exporter/shard") != shard {
			continue
		}
		switch document.kind() {
		case "StatefulSet":
			set = &apps.StatefulSet{}
			err = yaml.UnmarshalStrict([]byte(document.text), set)
		case "ConfigMap":
			err = writeConfig(document, filepath.Join(directory, "config"))
		}
		if err != nil {
			return err
		}
	}
	if set == nil {
		return fmt.Errorf("%s: no shard %q", rendered, shard)
	}
	arguments, err := arguments(set.Spec.Template.Spec, shard, directory)
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(arguments, "\n"))
	return nil
}

func labelOf(d document, key string) string {
	metadata, _ := d.value["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	label, _ := labels[key].(string)
	return label
}

func writeConfig(d document, directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	data, _ := d.value["data"].(map[string]any)
	for name, content := range data {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(fmt.Sprint(content)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func arguments(pod core.PodSpec, shard, directory string) ([]string, error) {
	container, user := pod.Containers[0], pod.SecurityContext
	result := []string{fmt.Sprintf("--user=%d:%d", *user.RunAsUser, *user.RunAsGroup)}
	if *container.SecurityContext.ReadOnlyRootFilesystem {
		result = append(result, "--read-only")
	}
	if !*container.SecurityContext.AllowPrivilegeEscalation {
		result = append(result, "--security-opt=no-new-privileges:true")
	}
	for _, capability := range container.SecurityContext.Capabilities.Drop {
		result = append(result, fmt.Sprintf("--cap-drop=%s", capability))
	}
	for _, variable := range container.Env {
		result = append(result, fmt.Sprintf("--env=%s=%s", variable.Name, variable.Value))
	}
	for _, mount := range container.VolumeMounts {
		source := filepath.Join(directory, mount.Name)
		if mount.Name == "state" {
			source = "state-" + shard
		}
		option := fmt.Sprintf("--volume=%s:%s", source, mount.MountPath)
		if mount.ReadOnly {
			option += ":ro"
		}
		result = append(result, option)
	}
	if len(container.Command) > 0 {
		return nil, fmt.Errorf("a command in place of the image's own: %v", container.Command)
	}
	return append(append(result, container.Image), container.Args...), nil
}
