// Command cluster is the programs of Kubernetes that a test of the chart needs, in one binary: they share most of their
// code, so it is compiled and linked once. The first argument says which of them it is.
//
// It adds one part of its own, the node (node.go): no kubelet runs where there is no container runtime. It must never
// change what Kubernetes' own parts do.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: cluster kube-apiserver | kube-controller-manager | kubectl | node ...")
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = append([]string{name}, os.Args[2:]...)
	var command *cobra.Command
	switch name {
	case "kube-apiserver":
		command = apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		command = manager.NewControllerManagerCommand()
	case "kubectl":
		command = kubectl.NewDefaultKubectlCommand()
	case "node":
		command = newNodeCommand()
	default:
		fmt.Fprintf(os.Stderr, "cluster: there is no part %q\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command))
}
