package pipeline

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// limits are those of one container. There is none on CPU: it would slow builds
// down and protect nobody whom requests do not protect.
func (b *builder) limits(r Resources) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:              b.amount(&r, "cpu", r.CPU, b.cpu, b.maxCPU),
			corev1.ResourceMemory:           b.amount(&r, "memory", r.Memory, b.memory, b.maxMemory),
			corev1.ResourceEphemeralStorage: resource.MustParse("0"),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceMemory:           b.amount(&r, "memory", r.Memory, b.memoryLimit, b.maxMemory),
			corev1.ResourceEphemeralStorage: b.amount(&r, "disk", r.Disk, b.disk, b.maxDisk),
		},
	}
}

// share leaves requests only to the containers that can run at the same time and
// together ask for most. A pod asks for the sum of its containers, and this makes
// that sum what the job can use at once.
func share(steps []corev1.Container, edges [][]int) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		weights := make([]int64, len(steps))
		for i, c := range steps {
			q := c.Resources.Requests[name]
			if weights[i] = q.Value(); name == corev1.ResourceCPU {
				weights[i] = q.MilliValue()
			}
		}
		for i, in := range peak(weights, edges) {
			if !in {
				steps[i].Resources.Requests[name] = resource.MustParse("0")
			}
		}
	}
}

// idle asks for nothing: the clone container ends before the steps begin.
func idle(r corev1.ResourceRequirements) corev1.ResourceRequirements {
	for name := range r.Requests {
		r.Requests[name] = resource.MustParse("0")
	}
	return r
}

// largestDisk is what the workspace may hold.
func largestDisk(containers []corev1.Container) (largest resource.Quantity) {
	for _, c := range containers {
		if q := c.Resources.Limits[corev1.ResourceEphemeralStorage]; q.Cmp(largest) > 0 {
			largest = q
		}
	}
	return largest
}

// Requests is what the scheduler must find room for: CPU in thousandths of a
// core, memory in bytes. Sidecars count beside the steps
// (kubernetes.io/docs/concepts/workloads/pods/sidecar-containers, "Resource sharing within containers").
func (c *Compiled) Requests() (cpu, memory int64) {
	pod := c.Job.Spec.Template.Spec
	var sidecars, before [2]int64 // what the init containers need is the most of each with the sidecars before it
	for _, one := range pod.InitContainers {
		asks := [2]int64{one.Resources.Requests.Cpu().MilliValue(), one.Resources.Requests.Memory().Value()}
		for i := range asks {
			before[i] = max(before[i], sidecars[i]+asks[i])
			if one.RestartPolicy != nil {
				sidecars[i] += asks[i]
			}
		}
	}
	for _, one := range pod.Containers {
		sidecars[0] += one.Resources.Requests.Cpu().MilliValue()
		sidecars[1] += one.Resources.Requests.Memory().Value()
	}
	return max(before[0], sidecars[0]), max(before[1], sidecars[1])
}

// Disk is how much disk the largest container may use, in bytes.
func (c *Compiled) Disk() int64 {
	largest := largestDisk(c.Job.Spec.Template.Spec.Containers)
	return largest.Value()
}

// Pool names what the pod needs of the cluster besides amounts: its namespace, its
// runtime class and its node selector. Pods of one pool compete for the same nodes.
func (c *Compiled) Pool() string {
	pod := c.Job.Spec.Template.Spec
	parts := []string{c.Job.Namespace}
	if pod.RuntimeClassName != nil {
		parts = append(parts, "runtime="+*pod.RuntimeClassName)
	}
	for _, label := range slices.Sorted(maps.Keys(pod.NodeSelector)) {
		parts = append(parts, label+"="+pod.NodeSelector[label])
	}
	return strings.Join(parts, " ")
}
