package doctor

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Facts is what was found out about an installation.
type Facts struct {
	Settings []string // what is wrong with the configuration
	Database Database
	Cluster  Cluster
	Builds   Builds
	Forks    *Builds // what those of forks meet; nil when it is what all do
	GitHub   GitHub
	Grants   []string // sentences about grants whose name is another repository's now
}

// Database is the one that runs are kept in.
type Database struct {
	Err     error         // it cannot be opened, read or written
	New     bool          // there is none yet; the first start makes it
	Version int64         // of the last migration that was carried out
	Latest  int64         // that this YACI knows
	Skew    time.Duration // our clock before the database's
}

// Right is something that may be done in a namespace.
type Right struct{ Namespace, Group, Resource, Subresource, Verb string }

// Cluster is what the one who runs this may do there.
type Cluster struct {
	Err    error
	Denied []Right // needed, and not allowed
	Beyond []Right // allowed, and better not
}

// Builds is what a build's pod meets.
type Builds struct {
	Namespace  string
	Err        error // no pod could look
	Skipped    bool
	Sight      Sight
	Privileged bool  // the cluster takes a privileged pod there
	PodErr     error // it could not be found out whether it does
	Wanted     Wanted
	Limits     string // what LimitRanges ask of each container, in words; empty: nothing
}

// Wanted is what the configuration asks for.
type Wanted struct {
	UserNamespaces bool
	RuntimeClass   string // empty: the cluster's default
}

// Sight is what a build sees of where it runs; [Look] prints it as JSON.
type Sight struct {
	Dials      map[string]string `json:"dials"`        // name of a target: open, or why not
	UserSpace  bool              `json:"user_space"`   // root here is not root of the node
	Seccomp    bool              `json:"seccomp"`      // a filter is in force
	NoNewPrivs bool              `json:"no_new_privs"` // setuid programs gain nothing
	Token      bool              `json:"token"`        // a service account's token is mounted
	Processes  Processes         `json:"processes"`
}

// Processes is what a build met that started one thread after another. A limit of the kubelet counts threads as
// processes.
type Processes struct {
	Started int    `json:"started"`         // threads
	Refused bool   `json:"refused"`         // the kernel refused one more
	Err     string `json:"error,omitempty"` // why that is not known
}

// Names of what a build tries to reach.
const (
	Peer     = "another pod"
	Metadata = "the metadata address"
	API      = "the API server"
	Kubelet  = "the node's kubelet"
	// Nobody is an address that nobody has (RFC 5737). Who is reached there is a
	// proxy in between that answers for every address.
	Nobody = "nobody"
	// Open is a target that was reached.
	Open = "open"
)

// GitHub is how it knows us.
type GitHub struct {
	Err         error
	Personal    bool          // a personal token, not an App
	Checks      bool          // check runs are wanted
	Clock       bool          // it was told
	Skew        time.Duration // our clock before GitHub's
	App         string
	Settings    string // page where its permissions and events are changed; empty: not known
	Permissions map[string]string
	Events      []string
	HookErr     error
	Hook        string            // address that it delivers to
	PublicURL   string            // ours, as the configuration has it
	Sent        []ci.HookDelivery // newest first
}
