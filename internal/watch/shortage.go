package watch

import (
	"regexp"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// What the scheduler says about nodes that cannot take a pod (pkg/scheduler/framework/plugins: noderesources,
// tainttoleration, nodeaffinity, volumebinding, volumezone and others).
var (
	insufficientResource = regexp.MustCompile(`Insufficient ([\w./-]+)`)
	otherShortages       = []struct {
		pattern *regexp.Regexp
		reason  string
	}{
		{
			pattern: regexp.MustCompile(`untolerated taint|taints? that the pod didn't tolerate`),
			reason:  "the nodes with room have taints that the job does not tolerate",
		},
		{
			pattern: regexp.MustCompile(`(?i)volume|persistentvolumeclaim`),
			reason:  "a volume that the job needs is not available on any node",
		},
		{
			pattern: regexp.MustCompile(`node affinity|node selector|affinity/selector`),
			reason:  "no node has the labels that the job needs",
		},
		{
			pattern: regexp.MustCompile(`anti-affinity|affinity rules|topology spread`),
			reason:  "no node meets the job's rules for placing pods",
		},
		{
			pattern: regexp.MustCompile(`didn't have free ports`),
			reason:  "the ports that the job needs are in use on every node",
		},
		{
			pattern: regexp.MustCompile(`were unschedulable|is unschedulable`),
			reason:  "the nodes are closed to new pods",
		},
		{
			pattern: regexp.MustCompile(`no nodes available`),
			reason:  "the cluster has no nodes",
		},
	}
)

// nodeShortage reads the scheduler's message about a pod that it cannot place. It returns what the pod lacks, and a
// reason for people. If some nodes lack a resource and others something else, the resource counts: the other nodes, for
// example of the control plane, never take the pod.
func nodeShortage(message string) (lacks []ci.Resource, reason string) {
	// The part about preemption repeats the reasons, and says what evicting others would bring.
	message, _, _ = strings.Cut(message, " preemption: ")
	var s shortage
	for _, m := range insufficientResource.FindAllStringSubmatch(message, -1) {
		s.add(strings.TrimRight(m[1], "."))
	}
	if strings.Contains(message, "Too many pods") {
		s.add("pods")
	}
	if len(s.lacks) > 0 {
		return s.lacks, s.onNodes()
	}
	for _, other := range otherShortages {
		if other.pattern.MatchString(message) {
			return []ci.Resource{ci.ResourceOther}, other.reason
		}
	}
	return []ci.Resource{ci.ResourceOther}, "no node can take the job now"
}

// shortage is a list of missing resources, with their names for people.
type shortage struct {
	lacks []ci.Resource
	names []string
}

const anotherPod = "room for another pod" // name of the resource "pods"

// add adds a resource by the name that Kubernetes gives it.
func (s *shortage) add(resource string) {
	kind := ci.ResourceOther
	name := resource
	switch resource = strings.TrimPrefix(strings.TrimPrefix(resource, "requests."), "limits."); {
	case resource == "cpu":
		kind, name = ci.ResourceCPU, "CPU"
	case resource == "memory":
		kind, name = ci.ResourceMemory, "memory"
	case resource == "ephemeral-storage":
		kind, name = ci.ResourceDisk, "disk space"
	case resource == "pods", strings.HasPrefix(resource, "count/"):
		kind, name = ci.ResourcePods, anotherPod
	}
	if !slices.Contains(s.lacks, kind) {
		s.lacks = append(s.lacks, kind)
	}
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
}

// onNodes returns a reason for resources that no node has.
func (s *shortage) onNodes() string {
	if s.names[0] == anotherPod {
		return "no node has " + enumerate(s.names)
	}
	return "no node has enough free " + enumerate(s.names)
}

// quotaExceeded begins the refusal of a quota (plugin/pkg/admission/resourcequota).
const quotaExceeded = "exceeded quota"

var quotaRequested = regexp.MustCompile(`requested: (.*?), used: `)

// quotaShortage reads the refusal of a quota. It lists as requested only the resources that it has no room for.
func quotaShortage(refusal string) (lacks []ci.Resource, reason string) {
	var s shortage
	if m := quotaRequested.FindStringSubmatch(refusal); m != nil {
		for _, amount := range strings.Split(m[1], ",") {
			resource, _, _ := strings.Cut(strings.TrimSpace(amount), "=")
			s.add(resource)
		}
	}
	const usedUp = "the quota of the namespace is used up"
	if len(s.lacks) == 0 {
		return []ci.Resource{ci.ResourceOther}, usedUp
	}
	if i := slices.Index(s.names, anotherPod); i >= 0 {
		s.names[i] = "pods"
	}
	return s.lacks, usedUp + ": " + enumerate(s.names)
}

// enumerate joins names: "CPU", "CPU and memory", "CPU, memory and disk space".
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
