package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Needed are the rights of deploy/base/rbac.yaml and, with a namespace for forks, of deploy/forks.
func Needed(namespace, forks string) (all []Right) {
	add := func(space, group, resource, verbs string) {
		resource, sub, _ := strings.Cut(resource, "/")
		for _, verb := range strings.Fields(verbs) {
			all = append(all, Right{space, group, resource, sub, verb})
		}
	}
	for _, space := range []string{namespace, forks} {
		if space == "" {
			continue
		}
		add(space, "batch", "jobs", "create get list watch patch delete")
		add(space, "", "pods", "get list watch")
		add(space, "", "pods/log", "get")
		add(space, "", "secrets", "create update delete")
		add(space, "", "events", "list")
		add(space, "", "limitranges", "list")
	}
	add(namespace, "", "configmaps", "list")
	add(namespace, "coordination.k8s.io", "leases", "create get update")
	add("", "", "nodes", "list")
	return all
}

// Unwanted are rights that a server is better without: with them, who breaks into it has more.
func Unwanted(namespace string) []Right {
	return []Right{
		{
			namespace,
			"",
			"secrets",
			"",
			"get",
		}, {namespace, "", "secrets", "", "list"}, {namespace, "", "pods", "exec", "create"},
		{
			namespace,
			"",
			"pods",
			"",
			"create",
		}, {namespace, "rbac.authorization.k8s.io", "rolebindings", "", "create"}, {"", "", "nodes", "", "delete"},
	}
}

// String is a right as in: create jobs.batch in yaci-builds.
func (r Right) String() string {
	what := r.Resource
	if r.Group != "" {
		what += "." + r.Group
	}
	if r.Subresource != "" {
		what += "/" + r.Subresource
	}
	if r.Namespace == "" {
		return r.Verb + " " + what
	}
	return r.Verb + " " + what + " in " + r.Namespace
}

func listed(rights []Right) string {
	words := make([]string, len(rights))
	for i, r := range rights {
		words[i] = r.String()
	}
	return strings.Join(words, ", ")
}

func rights(c Cluster) Finding {
	switch {
	case c.Err != nil:
		return Finding{
			"cluster",
			Problem,
			c.Err.Error(),
			"See that KUBECONFIG, or the pod's service account, is right and that the API server can be reached.",
		}
	case len(c.Denied) > 0:
		return Finding{
			"cluster rights",
			Problem,
			"Not allowed: " + listed(c.Denied) + ".",
			"Apply deploy/base/rbac.yaml (deploy/forks for the namespace of forks) and run as its service account.",
		}
	case len(c.Beyond) > 0:
		return Finding{
			"cluster rights",
			Warning,
			"More than the server needs: " + listed(c.Beyond) + ".",
			"Nothing, if you run this as yourself. The server itself should have the rights of deploy/base/rbac.yaml only.",
		}
	}
	return Finding{"cluster rights", Good, "All that is needed, and nothing that is not.", ""}
}

const probing = "Run yaci doctor without --no-probe where YACI's image can be pulled; it starts two small Jobs."

// builds judges what a build's pod has seen.
func builds(b Builds) []Finding {
	how := probing
	checks := []string{"network policy", "user namespaces", "pod hardening", "process limit"}
	switch {
	case b.Skipped || b.Err != nil:
		why, level := "Not looked at: no pod was started.", Unknown
		if b.Err != nil {
			why = "A Job like a build's did not do its work: " + b.Err.Error()
			level = Problem
			how = undone(b, how)
		}
		var all []Finding
		for i, check := range checks {
			if i > 0 && b.Err != nil {
				why = "Not known, since that Job did not do its work."
				level = Unknown
				how = probing
			}
			all = append(all, Finding{check, level, why, how})
			if check == "user namespaces" && b.Err != nil && b.Wanted.UserNamespaces {
				all[i] = vain(b.Err)
			}
		}
		return append(append(all, podSecurity(b)), runtimeClass(b)...)
	}
	return append(
		append(
			[]Finding{network(b.Sight), userSpace(b), hardening(b.Sight), processLimit(b.Sight.Processes), podSecurity(b)},
			limitRange(b)...),
		runtimeClass(b)...)
}

func network(s Sight) Finding {
	proxied := s.Dials[Nobody] == Open // so that only what a pod of ours answers tells anything
	var reached []string
	for name, result := range s.Dials {
		if result == Open && (name == Peer || !proxied) {
			reached = append(reached, name)
		}
	}
	slices.Sort(reached)
	switch {
	case slices.Contains(reached, Peer):
		return Finding{"network policy", Warning, "Not enforced: a build reaches " + strings.Join(reached, ", ") + ".",
			"Apply deploy/base/network.yaml, and use a network plugin that enforces NetworkPolicies, such as Calico or Cilium. Until then do not run forks of strangers."}
	case len(reached) > 0:
		return Finding{
			"network policy",
			Problem,
			"Other pods are out of reach, but a build reaches " + strings.Join(reached, ", ") + ".",
			"Shut these addresses out by a NetworkPolicy of your own; deploy/base/network.yaml knows private addresses only.",
		}
	case proxied:
		return Finding{
			"network policy",
			Unknown,
			"A build reaches no other pod; what else it reaches is hidden by a proxy that answers for every address.",
			"See that the proxy lets builds reach no private address.",
		}
	case s.Dials[Peer] == "":
		return Finding{"network policy", Unknown, "There was no other pod to reach for.", "Run yaci doctor again."}
	}
	return Finding{
		"network policy",
		Good,
		"Enforced: a build reaches no other pod, no API server, no kubelet, no metadata.",
		"",
	}
}

// userSpaceNeeds is from kubernetes.io/docs/concepts/workloads/pods/user-namespaces.
const userSpaceNeeds = "Take it away, or see to it that the node has Linux 6.3, containerd 2 or CRI-O 1.25, and Kubernetes 1.33."

// vain is that user namespaces are asked for and no pod does its work.
func vain(err error) Finding {
	f := Finding{
		"user namespaces",
		Problem,
		"YACI_USER_NAMESPACES is set, and a build's pod does not do its work.",
		userSpaceNeeds,
	}
	if noUsers(err.Error()) {
		f.Found = "YACI_USER_NAMESPACES is set, and no pod starts: the container runtime of the node does not support user namespaces."
	}
	return f
}

func userSpace(b Builds) Finding {
	switch {
	case b.Sight.UserSpace:
		return Finding{"user namespaces", Good, "Root in a build is nobody on the node.", ""}
	case b.Wanted.UserNamespaces:
		return Finding{
			"user namespaces",
			Problem,
			"YACI_USER_NAMESPACES is set, and root in a build is root of the node.",
			userSpaceNeeds,
		}
	}
	return Finding{
		"user namespaces",
		Warning,
		"Not in force: root in a build is root of the node, with nine capabilities.",
		"Set YACI_USER_NAMESPACES=true, or YACI_RUNTIME_CLASS to a sandbox such as gvisor or kata.",
	}
}

func hardening(s Sight) Finding {
	var lacks []string
	for _, c := range []struct {
		bad  bool
		what string
	}{{!s.Seccomp, "no seccomp filter is in force"}, {!s.NoNewPrivs, "setuid programs gain privileges"}, {s.Token, "a service account's token is mounted"}} {
		if c.bad {
			lacks = append(lacks, c.what)
		}
	}
	if len(lacks) > 0 {
		return Finding{
			"pod hardening",
			Problem,
			fmt.Sprintf("In a build %s.", strings.Join(lacks, " and ")),
			"Look for a webhook of the cluster that changes pods, and for a container runtime without seccomp.",
		}
	}
	return Finding{"pod hardening", Good, "Seccomp is in force, setuid gains nothing, and no token is mounted.", ""}
}

// limitRange tells of limits that make a job reserve more than its file says.
func limitRange(b Builds) []Finding {
	if b.Limits == "" {
		return nil
	}
	return []Finding{{"limit range", Good, "The namespace " + b.Namespace + " asks for " + b.Limits +
		": YACI raises requests to that, also those of steps that wait.", ""}}
}

func podSecurity(b Builds) Finding {
	switch {
	case b.Skipped:
		return Finding{"pod security", Unknown, "Not looked at.", probing}
	case b.PodErr != nil:
		return Finding{"pod security", Unknown, b.PodErr.Error(), probing}
	case b.Privileged:
		return Finding{
			"pod security",
			Warning,
			"The namespace " + b.Namespace + " takes privileged pods, though YACI makes none.",
			"Label it: kubectl label namespace " + b.Namespace + " pod-security.kubernetes.io/enforce=baseline",
		}
	}
	return Finding{"pod security", Good, "The namespace " + b.Namespace + " refuses privileged pods.", ""}
}
