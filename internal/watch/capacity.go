package watch

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodeList is a cached list of the cluster's nodes.
type nodeList struct {
	nodes   []*corev1.Node
	expires time.Time
}

// nodeListTTL is how long a list of nodes is used, also one that could not be read.
const nodeListTTL = 30 * time.Second

// nodesFor lists the cluster's nodes if the scheduler cannot place the first of the pods. It returns nil if it can, if
// the cluster adds nodes, or if the server may not list nodes, which needs a ClusterRole; then the pod waits.
func (w *Watcher) nodesFor(ctx context.Context, pods []*corev1.Pod) []*corev1.Node {
	if w.cfg.ClusterAutoscales || len(pods) == 0 || unschedulable(pods[0]) == "" {
		return nil
	}
	if time.Now().Before(w.nodes.expires) {
		return w.nodes.nodes
	}
	w.nodes = nodeList{expires: time.Now().Add(nodeListTTL)}
	list, err := w.cfg.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		w.cfg.Log.Info("cannot list nodes; jobs that are too large for every node stay pending", "err", err)
		return nil
	}
	for i := range list.Items {
		w.nodes.nodes = append(w.nodes.nodes, &list.Items[i])
	}
	return w.nodes.nodes
}

// tooLargeForNodes returns a message if a pod requests more than any of the nodes has in total. It returns "" if a node
// is large enough, or if there are no nodes, since then nothing is known.
func tooLargeForNodes(pod *corev1.Pod, nodes []*corev1.Node) string {
	requests := podRequests(pod)
	var largest *corev1.Node
	for _, n := range nodes {
		if fits(requests, n.Status.Allocatable) {
			return ""
		}
		if largest == nil || isLarger(n.Status.Allocatable, largest.Status.Allocatable) {
			largest = n
		}
	}
	if largest == nil {
		return ""
	}

	var requested, available []string
	kinds := []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
	for _, kind := range kinds {
		request := requests[kind]
		if kind == corev1.ResourceEphemeralStorage && request.Cmp(largest.Status.Allocatable[kind]) <= 0 {
			continue
		}
		requested = append(requested, formatAmount(kind, requests))
		available = append(available, formatAmount(kind, largest.Status.Allocatable))
	}
	return fmt.Sprintf("No node is large enough: the job requests %s, and the largest node has %s. "+
		"Lower the job's resources, or add a larger node.",
		strings.Join(requested, " and "), strings.Join(available, " and "))
}

// podRequests returns what the scheduler reserves for a pod: the sum of the containers that run at the same time, or
// the request of an init container that needs more, see
// https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers.
func podRequests(pod *corev1.Pod) corev1.ResourceList {
	total := corev1.ResourceList{}
	for _, c := range pod.Spec.Containers {
		addResources(total, c.Resources.Requests)
	}
	sidecars := corev1.ResourceList{}
	largestInit := corev1.ResourceList{}
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil { // a sidecar runs beside everything that comes after it
			addResources(sidecars, c.Resources.Requests)
			continue
		}
		withSidecars := sidecars.DeepCopy()
		addResources(withSidecars, c.Resources.Requests)
		raiseResources(largestInit, withSidecars)
	}
	addResources(total, sidecars)
	raiseResources(total, largestInit)
	addResources(total, pod.Spec.Overhead)
	return total
}

// addResources adds more to sum.
func addResources(sum, more corev1.ResourceList) {
	for kind, q := range more {
		total := sum[kind]
		total.Add(q)
		sum[kind] = total
	}
}

// raiseResources raises each amount in list to at least that in minimum.
func raiseResources(list, minimum corev1.ResourceList) {
	for kind, q := range minimum {
		if q.Cmp(list[kind]) > 0 {
			list[kind] = q
		}
	}
}

// fits reports whether available has at least what is requested.
func fits(requests, available corev1.ResourceList) bool {
	for kind, q := range requests {
		if q.Cmp(available[kind]) > 0 {
			return false
		}
	}
	return true
}

// isLarger compares nodes by cores, then by memory.
func isLarger(a, b corev1.ResourceList) bool {
	if c := a.Cpu().Cmp(*b.Cpu()); c != 0 {
		return c > 0
	}
	return a.Memory().Cmp(*b.Memory()) > 0
}

// formatAmount returns the amount of a resource, for example "1.5 CPU" or "512Mi of memory".
func formatAmount(kind corev1.ResourceName, list corev1.ResourceList) string {
	q := list[kind]
	switch kind {
	case corev1.ResourceCPU:
		return fmt.Sprintf("%g CPU", float64(q.MilliValue())/1000)
	case corev1.ResourceMemory:
		return formatBytes(q.Value()) + " of memory"
	}
	return formatBytes(q.Value()) + " of disk"
}

// formatBytes returns a number of bytes in Mi, or in Gi with one decimal.
func formatBytes(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%dMi", n>>20)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(1<<30)), ".0") + "Gi"
}
