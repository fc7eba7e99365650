package doctor

import (
	"fmt"
	"slices"
	"strings"
)

const (
	runWithProbe = "Run yaci doctor without --no-probe where YACI's image can be pulled; it starts small probe Jobs."

	// userNamespaceFix is from kubernetes.io/docs/concepts/workloads/pods/user-namespaces.
	userNamespaceFix = "Unset YACI_USER_NAMESPACES, or give the node Linux 6.3, containerd 2 or CRI-O 1.25, and Kubernetes 1.33."
)

// checkBuilds judges what the probe pods of a namespace have seen.
func checkBuilds(b Builds) []Finding {
	var all []Finding
	switch {
	case b.Skipped:
		all = unprobed("Not checked: no probe pod was started.")
	case b.ProbeErr != nil:
		all = unprobed("Unknown, since the probe Job did not finish.")
		all[0] = Finding{
			Check:   "network policy",
			Level:   Problem,
			Summary: "The probe Job did not finish: " + b.ProbeErr.Error(),
			Fix:     probeFix(b),
		}
		if b.Settings.UserNamespaces {
			all[1] = userNamespacesFailed(b.ProbeErr)
		}
	default:
		all = []Finding{
			checkNetwork(b.Pod),
			checkUserNamespace(b),
			checkHardening(b.Pod),
			checkProcessLimit(b.Pod.Threads),
		}
	}
	all = append(all, checkPodSecurity(b))
	if b.Limits != "" && !b.Skipped && b.ProbeErr == nil {
		all = append(all, good("limit range", fmt.Sprintf(
			"The namespace %s requires %s. YACI raises requests to that, also those of steps that wait.", b.Namespace, b.Limits)))
	}
	if b.Settings.RuntimeClass != "" {
		all = append(all, checkRuntimeClass(b))
	}
	return all
}

// checkForks returns the findings about pods of pull requests from forks. b is nil if they run like all others.
func checkForks(b *Builds) []Finding {
	if b == nil {
		return nil
	}
	all := checkBuilds(*b)
	for i := range all {
		all[i].Check = "forks: " + all[i].Check
	}
	return all
}

// unprobed returns unknown findings for all checks that need the report of a probe pod.
func unprobed(summary string) []Finding {
	var all []Finding
	for _, check := range []string{"network policy", "user namespaces", "pod hardening", "process limit"} {
		all = append(all, Finding{Check: check, Level: Unknown, Summary: summary, Fix: runWithProbe})
	}
	return all
}

// probeFix returns what to do about a probe Job that did not finish, by the message of the API server or the kubelet.
func probeFix(b Builds) string {
	message := b.ProbeErr.Error()
	switch {
	case strings.Contains(message, fmt.Sprintf("namespaces %q not found", b.Namespace)):
		return "Create the namespace with its Role, quota and NetworkPolicy: apply deploy/base, and deploy/forks for " +
			"pull requests from forks; or correct YACI_NAMESPACE or YACI_FORK_NAMESPACE."
	case noRuntimeClass(message) || noRuntimeHandler(message):
		return "See the finding on the runtime class."
	case noUserNamespaces(message):
		return "See the finding on user namespaces."
	}
	return runWithProbe
}

// NeverStarts reports whether the reason for which a pod waits will not pass by itself.
func NeverStarts(reason string) bool { return noUserNamespaces(reason) || noRuntimeHandler(reason) }

// noRuntimeClass recognizes the API server's message about a missing RuntimeClass.
func noRuntimeClass(message string) bool {
	return strings.Contains(message, "RuntimeClass ") && strings.Contains(message, "not found")
}

// noRuntimeHandler recognizes containerd's message about a handler that it does not have.
func noRuntimeHandler(message string) bool { return strings.Contains(message, "no runtime for ") }

// noUserNamespaces recognizes the kubelet's message about a container runtime without user namespaces.
func noUserNamespaces(message string) bool {
	return strings.Contains(message, "does not support user namespaces")
}

func checkNetwork(pod PodReport) Finding {
	// Behind a proxy that answers for every address, only the answer of our own pod proves anything.
	proxied := pod.Dials[TargetUnassigned] == Reached
	var reached []string
	for target, result := range pod.Dials {
		if result == Reached && (target == TargetPod || !proxied) {
			reached = append(reached, target)
		}
	}
	slices.Sort(reached)

	f := Finding{Check: "network policy", Level: Unknown}
	switch {
	case slices.Contains(reached, TargetPod):
		f.Level = Warning
		f.Summary = "Not enforced: a build reaches " + strings.Join(reached, ", ") + "."
		f.Fix = "Apply deploy/base/network.yaml, and use a network plugin that enforces NetworkPolicies, such as Calico or " +
			"Cilium. Do not run pull requests of strangers until then."
	case len(reached) > 0:
		f.Level = Problem
		f.Summary = "A build cannot reach other pods, but it reaches " + strings.Join(reached, ", ") + "."
		f.Fix = "Exclude these addresses by a NetworkPolicy of your own; deploy/base/network.yaml knows private addresses only."
	case proxied:
		f.Summary = "A build reaches no other pod. A proxy that answers for every address hides what else it reaches."
		f.Fix = "Check that the proxy lets builds reach no private address."
	case pod.Dials[TargetPod] == "":
		f.Summary = "There was no other pod to connect to."
		f.Fix = "Run yaci doctor again."
	default:
		return good(f.Check, "Enforced: a build reaches no other pod, API server, kubelet or metadata service.")
	}
	return f
}

// userNamespacesFailed returns the finding for user namespaces that are requested, while no probe pod finished.
func userNamespacesFailed(err error) Finding {
	f := Finding{
		Check:   "user namespaces",
		Level:   Problem,
		Summary: "YACI_USER_NAMESPACES is set, and the probe Job did not finish.",
		Fix:     userNamespaceFix,
	}
	if noUserNamespaces(err.Error()) {
		f.Summary = "YACI_USER_NAMESPACES is set, and no pod starts: " +
			"the container runtime of the node does not support user namespaces."
	}
	return f
}

func checkUserNamespace(b Builds) Finding {
	f := Finding{Check: "user namespaces"}
	switch {
	case b.Pod.UserNamespace:
		return good(f.Check, "Root in a build is an unprivileged user on the node.")
	case b.Settings.UserNamespaces:
		f.Level = Problem
		f.Summary = "YACI_USER_NAMESPACES is set, but root in a build is root of the node."
		f.Fix = userNamespaceFix
	default:
		f.Level = Warning
		f.Summary = "Not in force: root in a build is root of the node, with nine capabilities."
		f.Fix = "Set YACI_USER_NAMESPACES=true, or YACI_RUNTIME_CLASS to a sandbox such as gVisor or Kata Containers."
	}
	return f
}

func checkHardening(pod PodReport) Finding {
	var missing []string
	if !pod.Seccomp {
		missing = append(missing, "no seccomp filter is in force")
	}
	if !pod.NoNewPrivs {
		missing = append(missing, "setuid programs gain privileges")
	}
	if pod.Token {
		missing = append(missing, "a service account token is mounted")
	}
	if len(missing) == 0 {
		return good("pod hardening", "Seccomp is in force, setuid programs gain nothing, and no token is mounted.")
	}
	return Finding{
		Check:   "pod hardening",
		Level:   Problem,
		Summary: "In a build " + strings.Join(missing, " and ") + ".",
		Fix:     "Look for an admission webhook that changes pods, and for a container runtime without seccomp.",
	}
}

func checkProcessLimit(t ThreadReport) Finding {
	const setLimit = "Set podPidsLimit in the configuration of every node's kubelet, for example to 4096, and restart the " +
		"kubelet. Without it one build can use up the process ids of its node."

	f := Finding{Check: "process limit", Level: Unknown}
	switch {
	case t.Refused:
		return good(f.Check, fmt.Sprintf(
			"A build was refused a thread after it had started %d: podPidsLimit of the kubelet is in force.", t.Started))
	case t.Err != "":
		f.Summary = "Unknown: " + t.Err
		f.Fix = "Run yaci doctor again. " + setLimit
	case t.Started == 0:
		f.Summary = "Not checked: YACI_IMAGE is older than this yaci doctor."
		f.Fix = "Set YACI_IMAGE to the image of this version."
	default:
		f.Level = Warning
		f.Summary = fmt.Sprintf(
			"A build started %d threads and was refused none: podPidsLimit of the kubelet is unset, or higher.", t.Started)
		f.Fix = setLimit
	}
	return f
}

func checkPodSecurity(b Builds) Finding {
	f := Finding{Check: "pod security", Level: Unknown, Fix: runWithProbe}
	switch {
	case b.Skipped:
		f.Summary = "Not checked."
	case b.PrivilegedErr != nil:
		f.Summary = b.PrivilegedErr.Error()
	case b.AllowsPrivileged:
		f.Level = Warning
		f.Summary = "The namespace " + b.Namespace + " accepts privileged pods, although YACI creates none."
		f.Fix = "Label it: kubectl label namespace " + b.Namespace + " pod-security.kubernetes.io/enforce=baseline"
	default:
		return good(f.Check, "The namespace "+b.Namespace+" refuses privileged pods.")
	}
	return f
}

// checkRuntimeClass judges whether pods run in the requested RuntimeClass.
func checkRuntimeClass(b Builds) Finding {
	name := b.Settings.RuntimeClass
	f := Finding{Check: "runtime class", Level: Problem}
	switch {
	case b.Skipped:
		f.Level = Unknown
		f.Summary = "Not checked: no probe pod was started."
		f.Fix = runWithProbe
	case b.ProbeErr == nil:
		return good(f.Check, "Pods run in the RuntimeClass "+name+".")
	case noRuntimeClass(b.ProbeErr.Error()):
		f.Summary = "The cluster has no RuntimeClass " + name + ", so it creates no pods."
		f.Fix = "Install it (kubectl get runtimeclass lists the existing ones), " +
			"or correct YACI_RUNTIME_CLASS or YACI_FORK_RUNTIME_CLASS."
	case noRuntimeHandler(b.ProbeErr.Error()):
		f.Summary = "The container runtime of a node does not have the handler of the RuntimeClass " + name +
			", so no pod starts there."
		f.Fix = "Add the handler to the runtime's configuration on that node, " +
			"or give the RuntimeClass a scheduling.nodeSelector of the nodes that have it."
	default:
		f.Level = Unknown
		f.Summary = "Unknown, since the probe Job did not finish."
		f.Fix = runWithProbe
	}
	return f
}
