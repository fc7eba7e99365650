package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Isolation is how far builds are kept from the node and, those of forks, from
// the others. What is empty for forks is as for all.
type Isolation struct {
	UserNamespaces   bool          `name:"user-namespaces" env:"YACI_USER_NAMESPACES" help:"Builds are root in a user namespace of their own (hostUsers: false), and nobody on the node. Needs Kubernetes 1.33 and a node that can; yaci doctor looks."`
	RuntimeClass     string        `env:"YACI_RUNTIME_CLASS" help:"RuntimeClass of the pods, as gvisor or kata; empty: the cluster's default."`
	ForkNamespace    string        `env:"YACI_FORK_NAMESPACE" help:"Namespace of the Jobs of pull requests from forks; empty: that of the others. Change it only when nothing runs."`
	ForkRuntimeClass string        `env:"YACI_FORK_RUNTIME_CLASS" help:"RuntimeClass of the pods of forks."`
	ForkMaxTimeout   time.Duration `env:"YACI_FORK_MAX_TIMEOUT" help:"Most time that a job of a fork has."`
	ForkMaxCPU       string        `name:"fork-max-cpu" env:"YACI_FORK_MAX_CPU" help:"Most CPU that a step of a fork may ask for."`
	ForkMaxMemory    string        `env:"YACI_FORK_MAX_MEMORY" help:"Most memory that a step of a fork has."`
	ForkMaxDisk      string        `env:"YACI_FORK_MAX_DISK" help:"Most disk that a step of a fork has."`
}

func (c Isolation) problems() (ps []string) {
	// What Kubernetes takes for a namespace, and for the name of a RuntimeClass.
	label := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	for _, n := range []struct{ name, text string }{{"YACI_RUNTIME_CLASS", c.RuntimeClass}, {"YACI_FORK_NAMESPACE", c.ForkNamespace}, {"YACI_FORK_RUNTIME_CLASS", c.ForkRuntimeClass}} {
		if n.text != "" && !label.MatchString(strings.ReplaceAll(n.text, ".", "-")) {
			ps = append(
				ps,
				fmt.Sprintf("%s is %q: write a name as Kubernetes has them, in small letters, digits and -.", n.name, n.text),
			)
		}
	}
	if c.ForkMaxTimeout != 0 && c.ForkMaxTimeout < time.Second {
		ps = append(ps, fmt.Sprintf("YACI_FORK_MAX_TIMEOUT is %v: at least 1s is needed.", c.ForkMaxTimeout))
	}
	for _, q := range []struct{ name, text string }{{"YACI_FORK_MAX_CPU", c.ForkMaxCPU}, {"YACI_FORK_MAX_MEMORY", c.ForkMaxMemory}, {"YACI_FORK_MAX_DISK", c.ForkMaxDisk}} {
		if q.text != "" && !isAmount(q.text) {
			ps = append(
				ps,
				fmt.Sprintf("%s is %q: write an amount as Kubernetes does, like 8 or 16Gi, or leave it empty.", q.name, q.text),
			)
		}
	}
	return ps
}
