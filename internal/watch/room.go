package watch

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// tooLarge is a sentence when a pod asks for more than any of the nodes has in
// all. Without nodes, as when they may not be read, nothing is known.
func tooLarge(pod *corev1.Pod, nodes []*corev1.Node) string {
	want := requests(pod)
	var largest *corev1.Node
	for _, n := range nodes {
		if fits(want, n.Status.Allocatable) {
			return ""
		}
		if largest == nil || larger(n.Status.Allocatable, largest.Status.Allocatable) {
			largest = n
		}
	}
	if largest == nil {
		return ""
	}
	var asks, has []string
	for _, kind := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		w, h := want[kind], largest.Status.Allocatable[kind]
		if w.Cmp(h) > 0 || kind == corev1.ResourceCPU || kind == corev1.ResourceMemory {
			asks, has = append(asks, amount(kind, want)), append(has, amount(kind, largest.Status.Allocatable))
		}
	}
	return fmt.Sprintf(
		"No node is large enough: the job asks for %s, and the largest node has %s. Ask for less in resources, or add a larger node.",
		strings.Join(asks, " and "),
		strings.Join(has, " and "),
	)
}

// requests are what the scheduler reserves for a pod: the containers that run at once, or an init container that asks
// for more (kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers).
func requests(pod *corev1.Pod) corev1.ResourceList {
	all := corev1.ResourceList{}
	inits := corev1.ResourceList{}
	sidecars := corev1.ResourceList{}
	for _, c := range pod.Spec.Containers {
		add(all, c.Resources.Requests)
	}
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil { // a service, which runs beside all that comes after it
			add(sidecars, c.Resources.Requests)
			continue
		}
		at := sidecars.DeepCopy()
		add(at, c.Resources.Requests)
		atLeast(inits, at)
	}
	add(all, sidecars)
	atLeast(all, inits)
	add(all, pod.Spec.Overhead)
	return all
}

func add(sum, more corev1.ResourceList) {
	for kind, q := range more {
		total := sum[kind]
		total.Add(q)
		sum[kind] = total
	}
}

func atLeast(most, other corev1.ResourceList) {
	for kind, q := range other {
		if has := most[kind]; q.Cmp(has) > 0 {
			most[kind] = q
		}
	}
}

func fits(want, has corev1.ResourceList) bool {
	for kind, w := range want {
		if h := has[kind]; w.Cmp(h) > 0 {
			return false
		}
	}
	return true
}

// larger compares by cores, then by memory.
func larger(a, b corev1.ResourceList) bool {
	if c := a.Cpu().Cmp(*b.Cpu()); c != 0 {
		return c > 0
	}
	return a.Memory().Cmp(*b.Memory()) > 0
}

func amount(kind corev1.ResourceName, of corev1.ResourceList) string {
	q := of[kind]
	switch kind {
	case corev1.ResourceCPU:
		return fmt.Sprintf("%g CPU", float64(q.MilliValue())/1000)
	case corev1.ResourceMemory:
		return bytes(q.Value()) + " of memory"
	}
	return bytes(q.Value()) + " of disk"
}

func bytes(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%dMi", n>>20)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(1<<30)), ".0") + "Gi"
}
