package doctor

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Facts is everything that was found out about an installation.
type Facts struct {
	Settings []string // problems of the configuration, as "what is wrong: what to do"
	Database Database
	Cluster  Cluster
	Builds   Builds
	Forks    *Builds // pods of pull requests from forks; nil: they run like all others
	GitHub   GitHub
	Grants   []string // sentences about grants of secrets whose name another repository has now
}

// Database describes the database of runs.
type Database struct {
	Err     error         // it cannot be opened, read or written
	New     bool          // there is none yet
	Version int64         // of its schema
	Latest  int64         // schema version of this YACI
	Skew    time.Duration // how far this machine's clock is ahead of the database's
}

// Permission is an action on a resource of the cluster. An empty Namespace means cluster-wide.
type Permission struct {
	Namespace   string
	Group       string
	Resource    string
	Subresource string
	Verb        string
}

// Cluster describes what the current identity is permitted to do.
type Cluster struct {
	Err       error        // the API server does not answer
	Missing   []Permission // required, but not granted
	Excessive []Permission // granted, but better not
}

// Builds describes the pods of builds in one namespace.
type Builds struct {
	Namespace        string
	Settings         PodSettings
	Skipped          bool // no probe pod was started
	ProbeErr         error
	Pod              PodReport // valid unless Skipped or ProbeErr is set
	AllowsPrivileged bool      // the namespace accepts privileged pods
	PrivilegedErr    error     // AllowsPrivileged could not be determined
	Limits           string    // what LimitRanges require of each container, in words; empty: nothing
}

// PodSettings is what the configuration demands of pods.
type PodSettings struct {
	UserNamespaces bool
	RuntimeClass   string // empty: the cluster's default
}

// PodReport is what a process in a pod sees of its environment. [InspectPod] prints it as JSON, which may be read by a
// newer YACI, so its keys do not change.
type PodReport struct {
	Dials         map[string]string `json:"dials"`        // by target: Reached, or why not
	UserNamespace bool              `json:"user_space"`   // root in the pod is not root on the node
	Seccomp       bool              `json:"seccomp"`      // a seccomp filter is in force
	NoNewPrivs    bool              `json:"no_new_privs"` // setuid programs gain no privileges
	Token         bool              `json:"token"`        // a service account token is mounted
	Threads       ThreadReport      `json:"processes"`
}

// ThreadReport is how many threads a process could start. A process limit of the kubelet counts threads.
type ThreadReport struct {
	Started int    `json:"started"`
	Refused bool   `json:"refused"`         // the kernel refused another thread
	Err     string `json:"error,omitempty"` // why the limit is unknown
}

// Names of the addresses that a probe pod tries to reach.
const (
	TargetPod       = "another pod"
	TargetMetadata  = "the metadata address"
	TargetAPIServer = "the API server"
	TargetKubelet   = "the node's kubelet"
	// TargetUnassigned is an address that nobody has (RFC 5737). If it answers, a proxy answers for every address.
	TargetUnassigned = "nobody"

	// Reached is the result for a target that answered.
	Reached = "open"
)

// GitHub describes what GitHub knows about this installation.
type GitHub struct {
	Err         error         // GitHub does not answer, or refuses the credentials
	Personal    bool          // a personal token is used, not an App
	Checks      bool          // check runs are enabled
	ClockKnown  bool          // GitHub answered with its time
	Skew        time.Duration // how far this machine's clock is ahead of GitHub's
	App         string        // name of the App
	Settings    string        // page that changes permissions and events; empty: unknown
	Permissions map[string]string
	Events      []string
	HookErr     error
	Hook        string            // address of the App's webhook
	PublicURL   string            // address of this server, from the configuration
	Sent        []ci.HookDelivery // latest webhook deliveries, newest first
}
