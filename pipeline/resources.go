package pipeline

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// withDefaults returns r with the quantities that it does not set, and their positions, from defaults.
func (r Resources) withDefaults(defaults Resources) Resources {
	keys := maps.Clone(r.keys)
	if keys == nil {
		keys = map[string]*yaml.Node{}
	}
	for _, f := range []struct {
		key      string
		quantity *Quantity
		value    Quantity
	}{
		{"cpu", &r.CPU, defaults.CPU},
		{"memory", &r.Memory, defaults.Memory},
		{"disk", &r.Disk, defaults.Disk},
	} {
		if *f.quantity == "" {
			*f.quantity = f.value
			keys[f.key] = defaults.at(f.key)
		}
	}
	r.keys = keys
	return r
}

// quantity returns what the file asks for, or the operator's default if that is empty. It reports a
// value above the operator's maximum; a nil one means no limit.
func (b *builder) quantity(
	r *Resources, key string, asked Quantity, defaultValue resource.Quantity, limit *resource.Quantity,
) resource.Quantity {
	if asked == "" {
		return defaultValue
	}
	q, err := resource.ParseQuantity(string(asked))
	if err != nil { // Parse has checked it; a file that was not parsed can have any
		b.problem(r.at(key), "%s %q is not a quantity", key, asked)
		return defaultValue
	}
	if limit != nil && q.Cmp(*limit) > 0 {
		b.problem(r.at(key), "%s %s is more than this server allows; at most %s", key, asked, limit)
	}
	return q
}

// requirements returns the resources of one container. There is no CPU limit: it would slow builds
// down and protect nobody whom requests do not protect.
func (b *builder) requirements(r Resources) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:              b.quantity(&r, "cpu", r.CPU, b.cpu, b.maxCPU),
			corev1.ResourceMemory:           b.quantity(&r, "memory", r.Memory, b.memory, b.maxMemory),
			corev1.ResourceEphemeralStorage: resource.MustParse("0"),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceMemory:           b.quantity(&r, "memory", r.Memory, b.memoryLimit, b.maxMemory),
			corev1.ResourceEphemeralStorage: b.quantity(&r, "disk", r.Disk, b.disk, b.maxDisk),
		},
	}
}

// keepPeakRequests removes the requests of all steps but those that can run at the same time and
// together request most. Kubernetes reserves the sum of all containers of a pod, which then is what
// the job can use at once.
func keepPeakRequests(steps []corev1.Container, edges [][]int) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		weights := make([]int64, len(steps))
		for i, c := range steps {
			q := c.Resources.Requests[name]
			if name == corev1.ResourceCPU {
				weights[i] = q.MilliValue()
			} else {
				weights[i] = q.Value()
			}
		}
		for i, in := range maxWeightAntichain(weights, edges) {
			if !in {
				steps[i].Resources.Requests[name] = resource.MustParse("0")
			}
		}
	}
}

// withoutRequests removes the requests of the clone container, which ends before the steps begin.
func withoutRequests(r corev1.ResourceRequirements) corev1.ResourceRequirements {
	for name := range r.Requests {
		r.Requests[name] = resource.MustParse("0")
	}
	return r
}

// largestDisk returns the largest disk limit of the containers, which is that of the workspace too.
func largestDisk(containers []corev1.Container) (largest resource.Quantity) {
	for _, c := range containers {
		if q := c.Resources.Limits[corev1.ResourceEphemeralStorage]; q.Cmp(largest) > 0 {
			largest = q
		}
	}
	return largest
}

// Requests returns what the scheduler reserves for the pod: CPU in thousandths of a core, memory in
// bytes. It is the larger of what the steps and the sidecars request together, and of what an init
// container and the sidecars before it do (kubernetes.io/docs/concepts/workloads/pods/sidecar-containers,
// "Resource sharing within containers").
func (c *Compiled) Requests() (cpu, memory int64) {
	pod := c.Job.Spec.Template.Spec
	requests := func(container corev1.Container) [2]int64 {
		r := container.Resources.Requests
		return [2]int64{r.Cpu().MilliValue(), r.Memory().Value()}
	}

	var total [2]int64 // of all sidecars so far, and then of the steps too
	var initial [2]int64
	for _, container := range pod.InitContainers {
		for i, amount := range requests(container) {
			initial[i] = max(initial[i], total[i]+amount)
			if container.RestartPolicy != nil {
				total[i] += amount
			}
		}
	}
	for _, container := range pod.Containers {
		for i, amount := range requests(container) {
			total[i] += amount
		}
	}
	return max(initial[0], total[0]), max(initial[1], total[1])
}

// Disk returns the largest disk limit of the steps, in bytes.
func (c *Compiled) Disk() int64 {
	largest := largestDisk(c.Job.Spec.Template.Spec.Containers)
	return largest.Value()
}

// Pool names what the pod needs of the cluster besides resources: its namespace, its runtime class and
// its node selector. Pods of the same pool compete for the same nodes.
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
