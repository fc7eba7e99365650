package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Isolation has the settings that isolate builds from their node, and builds of forks from all others. A setting for
// forks that is empty is that of all builds.
type Isolation struct {
	UserNamespaces   bool          `name:"user-namespaces" env:"YACI_USER_NAMESPACES" help:"Run builds in user namespaces (hostUsers: false), so that root in a build is an unprivileged user on the node. Requires Kubernetes 1.33 and support of the nodes; yaci doctor checks it."`
	RuntimeClass     string        `env:"YACI_RUNTIME_CLASS" help:"RuntimeClass of the pods, for example gvisor or kata; default: the cluster's."`
	ForkNamespace    string        `env:"YACI_FORK_NAMESPACE" help:"Namespace of the Jobs of pull requests from forks; default: that of all Jobs. Change it only while nothing is running."`
	ForkRuntimeClass string        `env:"YACI_FORK_RUNTIME_CLASS" help:"RuntimeClass of the pods of forks; default: that of all pods."`
	ForkMaxTimeout   time.Duration `env:"YACI_FORK_MAX_TIMEOUT" help:"Maximum time limit of a job of a fork."`
	ForkMaxCPU       string        `name:"fork-max-cpu" env:"YACI_FORK_MAX_CPU" help:"Maximum CPU of a step of a fork."`
	ForkMaxMemory    string        `env:"YACI_FORK_MAX_MEMORY" help:"Maximum memory limit of a step of a fork."`
	ForkMaxDisk      string        `env:"YACI_FORK_MAX_DISK" help:"Maximum disk limit of a step of a fork."`
}

func (c Isolation) problems() (ps []string) {
	// The form of names of namespaces and RuntimeClasses.
	label := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	for _, n := range []struct{ name, text string }{{"YACI_RUNTIME_CLASS", c.RuntimeClass}, {"YACI_FORK_NAMESPACE", c.ForkNamespace}, {"YACI_FORK_RUNTIME_CLASS", c.ForkRuntimeClass}} {
		if n.text != "" && !label.MatchString(strings.ReplaceAll(n.text, ".", "-")) {
			ps = append(
				ps,
				fmt.Sprintf("%s is %q: write a Kubernetes name: lower-case letters, digits and -.", n.name, n.text),
			)
		}
	}
	if c.ForkMaxTimeout != 0 && c.ForkMaxTimeout < time.Second {
		ps = append(ps, fmt.Sprintf("YACI_FORK_MAX_TIMEOUT is %v: set at least 1s.", c.ForkMaxTimeout))
	}
	for _, q := range []struct{ name, text string }{{"YACI_FORK_MAX_CPU", c.ForkMaxCPU}, {"YACI_FORK_MAX_MEMORY", c.ForkMaxMemory}, {"YACI_FORK_MAX_DISK", c.ForkMaxDisk}} {
		if q.text != "" && !isQuantity(q.text) {
			ps = append(
				ps,
				fmt.Sprintf("%s is %q: write a Kubernetes quantity, like 8 or 16Gi, or leave it empty.", q.name, q.text),
			)
		}
	}
	return ps
}
