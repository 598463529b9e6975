package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// nodeName is what the one node is called.
const nodeName = "node"

// node stands in for a scheduler and a kubelet. It runs no container: it reports what a kubelet would.
//
//   - a pod is bound once its claims are bound;
//   - a pod waits in ContainerCreating while a ConfigMap, a Secret or a key of it is missing;
//   - an image whose tag is "missing" ends in ImagePullBackOff;
//   - a pod that is not to be restarted succeeds if each of its containers asks a Service with a ready pod behind it;
//   - every other pod runs and is ready.
type node struct {
	client kubernetes.Interface
}

// newNodeCommand returns the command that plays the node until it is ended.
func newNodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "node",
		Short: "Binds pods and reports them as a kubelet would, without running a container",
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
			if err != nil {
				return err
			}
			config.QPS, config.Burst = 500, 500
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(command.Context(), syscall.SIGTERM, os.Interrupt)
			defer stop()
			return (&node{client}).run(ctx)
		},
	}
}

func (n *node) run(ctx context.Context) error {
	if err := n.register(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		pods, err := n.client.CoreV1().Pods("").List(ctx, meta.ListOptions{})
		if err != nil {
			fmt.Fprintf(os.Stderr, "node: %v\n", err)
			continue
		}
		for i := range pods.Items {
			// A pod that was changed or deleted meanwhile is looked at again in the next round.
			err := n.look(ctx, &pods.Items[i])
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				fmt.Fprintf(os.Stderr, "node: %s: %v\n", pods.Items[i].Name, err)
			}
		}
	}
}

// register adds the node, ready and with room.
func (n *node) register(ctx context.Context) error {
	created, err := n.client.CoreV1().Nodes().Create(ctx, &core.Node{
		ObjectMeta: meta.ObjectMeta{Name: nodeName, Labels: map[string]string{"kubernetes.io/hostname": nodeName}},
	}, meta.CreateOptions{})
	if err != nil {
		return err
	}
	created.Status.Conditions = []core.NodeCondition{{
		Type: core.NodeReady, Status: core.ConditionTrue, Reason: "KubeletReady",
		LastHeartbeatTime: meta.Now(), LastTransitionTime: meta.Now(),
	}}
	_, err = n.client.CoreV1().Nodes().UpdateStatus(ctx, created, meta.UpdateOptions{})
	return err
}

// look takes a pod one step on.
func (n *node) look(ctx context.Context, pod *core.Pod) error {
	pods := n.client.CoreV1().Pods(pod.Namespace)
	if pod.DeletionTimestamp != nil {
		now := int64(0)
		return pods.Delete(ctx, pod.Name, meta.DeleteOptions{GracePeriodSeconds: &now})
	}
	if pod.Spec.NodeName == "" {
		bound, err := n.claimsBound(ctx, pod)
		if err != nil || !bound {
			return err
		}
		return pods.Bind(ctx, &core.Binding{
			ObjectMeta: meta.ObjectMeta{Name: pod.Name},
			Target:     core.ObjectReference{Kind: "Node", Name: nodeName},
		}, meta.CreateOptions{})
	}
	state, err := n.state(ctx, pod)
	if err != nil {
		return err
	}
	if !apply(pod, state) {
		return nil
	}
	_, err = pods.UpdateStatus(ctx, pod, meta.UpdateOptions{})
	return err
}

func (n *node) claimsBound(ctx context.Context, pod *core.Pod) (bool, error) {
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		claims := n.client.CoreV1().PersistentVolumeClaims(pod.Namespace)
		claim, err := claims.Get(ctx, volume.PersistentVolumeClaim.ClaimName, meta.GetOptions{})
		if err != nil || claim.Status.Phase != core.ClaimBound {
			return false, err
		}
	}
	return true, nil
}

// state is what a kubelet would report of the pod's containers.
func (n *node) state(ctx context.Context, pod *core.Pod) (core.ContainerState, error) {
	for _, volume := range pod.Spec.Volumes {
		err := n.volumeThere(ctx, pod.Namespace, volume)
		if apierrors.IsNotFound(err) || errors.Is(err, errMissingKey) {
			return waiting("ContainerCreating", err.Error()), nil
		}
		if err != nil {
			return core.ContainerState{}, err
		}
	}
	for _, container := range pod.Spec.Containers {
		if strings.HasSuffix(container.Image, ":missing") {
			return waiting("ImagePullBackOff", container.Image), nil
		}
	}
	if pod.Spec.RestartPolicy != core.RestartPolicyNever {
		return core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: meta.Now()}}, nil
	}
	ended := &core.ContainerStateTerminated{Reason: "Completed", StartedAt: meta.Now(), FinishedAt: meta.Now()}
	for _, container := range pod.Spec.Containers {
		if err := n.answers(ctx, pod.Namespace, container); err != nil {
			ended.ExitCode, ended.Reason, ended.Message = 1, "Error", err.Error()
		}
	}
	return core.ContainerState{Terminated: ended}, nil
}

func waiting(reason, message string) core.ContainerState {
	return core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: reason, Message: message}}
}

var errMissingKey = errors.New("the Secret lacks a key")

// volumeThere fails if something that the volume is made of is missing.
func (n *node) volumeThere(ctx context.Context, namespace string, volume core.Volume) error {
	if volume.ConfigMap != nil {
		_, err := n.client.CoreV1().ConfigMaps(namespace).Get(ctx, volume.ConfigMap.Name, meta.GetOptions{})
		return err
	}
	if volume.Secret != nil {
		return n.secretThere(ctx, namespace, volume.Secret.SecretName, volume.Secret.Items)
	}
	if volume.Projected == nil {
		return nil
	}
	for _, source := range volume.Projected.Sources {
		if source.Secret == nil {
			return fmt.Errorf("volume %s: a source that this node does not know", volume.Name)
		}
		if err := n.secretThere(ctx, namespace, source.Secret.Name, source.Secret.Items); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) secretThere(ctx context.Context, namespace, name string, items []core.KeyToPath) error {
	secret, err := n.client.CoreV1().Secrets(namespace).Get(ctx, name, meta.GetOptions{})
	if err != nil {
		return err
	}
	for _, item := range items {
		if _, found := secret.Data[item.Key]; !found {
			return fmt.Errorf("%w: %s/%s", errMissingKey, name, item.Key)
		}
	}
	return nil
}

// answers looks whether the address that a health check asks belongs to a Service that leads to a ready pod, at a port
// that the Service has.
func (n *node) answers(ctx context.Context, namespace string, container core.Container) error {
	const flag = "--web.listen-address="
	for _, argument := range container.Args {
		address, found := strings.CutPrefix(argument, flag)
		if !found {
			continue
		}
		service, port, _ := strings.Cut(address, ":")
		selector := meta.ListOptions{LabelSelector: "kubernetes.io/service-name=" + service}
		slices, err := n.client.DiscoveryV1().EndpointSlices(namespace).List(ctx, selector)
		if err != nil {
			return err
		}
		for _, slice := range slices.Items {
			for _, open := range slice.Ports {
				ready := len(slice.Endpoints) > 0 && *slice.Endpoints[0].Conditions.Ready
				if ready && fmt.Sprint(*open.Port) == port {
					return nil
				}
			}
		}
		return fmt.Errorf("nobody is ready at %s", address)
	}
	return fmt.Errorf("container %s asks nobody", container.Name)
}

// apply writes the state of all containers into the pod's status; false if it stands there already.
func apply(pod *core.Pod, state core.ContainerState) bool {
	phase, ready := core.PodPending, core.ConditionFalse
	switch {
	case state.Running != nil:
		phase, ready = core.PodRunning, core.ConditionTrue
	case state.Terminated != nil && state.Terminated.ExitCode == 0:
		phase = core.PodSucceeded
	case state.Terminated != nil:
		phase = core.PodFailed
	}
	ended := pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
	if ended || pod.Status.Phase == phase && reason(pod) == waitingReason(state) && len(pod.Status.ContainerStatuses) > 0 {
		return false
	}
	pod.Status.Phase = phase
	pod.Status.PodIP = "10.1.0.9"
	pod.Status.PodIPs = []core.PodIP{{IP: pod.Status.PodIP}}
	pod.Status.Conditions = nil
	for _, kind := range []core.PodConditionType{core.PodScheduled, core.PodInitialized, core.ContainersReady, core.PodReady} {
		status := core.ConditionTrue
		if kind == core.ContainersReady || kind == core.PodReady {
			status = ready
		}
		pod.Status.Conditions = append(pod.Status.Conditions, core.PodCondition{
			Type: kind, Status: status, LastTransitionTime: meta.Now(),
		})
	}
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		running := state.Running != nil
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, core.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: running, Started: &running, State: state,
		})
	}
	return true
}

func reason(pod *core.Pod) string {
	if len(pod.Status.ContainerStatuses) == 0 {
		return ""
	}
	return waitingReason(pod.Status.ContainerStatuses[0].State)
}

func waitingReason(state core.ContainerState) string {
	if state.Waiting == nil {
		return ""
	}
	return state.Waiting.Reason
}
