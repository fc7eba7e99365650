package doctor

import (
	"fmt"
	"strings"
)

// forks are the findings about where pull requests from forks run, when that is
// not where all others do.
func forks(b *Builds) (all []Finding) {
	if b == nil {
		return nil
	}
	for _, f := range builds(*b) {
		f.Check = "forks: " + f.Check
		all = append(all, f)
	}
	return all
}

// undone is what to do when a Job like a build's did not do its work, by the
// words of the API server and the kubelet.
func undone(b Builds, how string) string {
	switch text := b.Err.Error(); {
	case strings.Contains(text, fmt.Sprintf("namespaces %q not found", b.Namespace)):
		return "Create it with its Role, quota and NetworkPolicy: apply deploy/base, and deploy/forks for that of forks; or correct YACI_NAMESPACE or YACI_FORK_NAMESPACE."
	case noClass(text) || noHandler(text):
		return "See the finding on the runtime class."
	case noUsers(text):
		return "See the finding on user namespaces."
	}
	return how
}

// noClass: the API server knows no such RuntimeClass (its admission plugin RuntimeClass).
func noClass(text string) bool {
	return strings.Contains(text, "RuntimeClass ") && strings.Contains(text, "not found")
}

// noHandler: containerd has no handler of that name, in its words.
func noHandler(text string) bool { return strings.Contains(text, "no runtime for ") }

// Hopeless reports whether a pod waits for what no trying again brings there;
// other trouble of a sandbox may pass.
func Hopeless(waiting string) bool { return noUsers(waiting) || noHandler(waiting) }

// noUsers: the kubelet's words when the container runtime does not say that it can.
func noUsers(text string) bool {
	return strings.Contains(text, "does not support user namespaces")
}

// runtimeClass is a finding only when a RuntimeClass is asked for.
func runtimeClass(b Builds) []Finding {
	name := b.Wanted.RuntimeClass
	f := Finding{Check: "runtime class"}
	switch {
	case name == "":
		return nil
	case b.Skipped:
		f.Level = Unknown
		f.Found = "Not looked at: no pod was started."
		f.Mend = probing
	case b.Err == nil:
		f.Level, f.Found = Good, "Pods run in the RuntimeClass "+name+"."
	case noClass(b.Err.Error()):
		f.Level, f.Found = Problem, "The cluster has no RuntimeClass "+name+", so no pod is made."
		f.Mend = "Install it (kubectl get runtimeclass shows those there are), or correct YACI_RUNTIME_CLASS or YACI_FORK_RUNTIME_CLASS."
	case noHandler(b.Err.Error()):
		f.Level, f.Found = Problem, "The container runtime of a node does not know the handler of the RuntimeClass "+name+", so no pod starts there."
		f.Mend = "Add the handler to the runtime's configuration on that node, or give the RuntimeClass a scheduling.nodeSelector of the nodes that have it."
	default:
		f.Level = Unknown
		f.Found = "Not known, since a Job like a build's did not do its work."
		f.Mend = probing
	}
	return []Finding{f}
}
