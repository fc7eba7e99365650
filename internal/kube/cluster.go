package kube

import (
	"errors"
	"fmt"
	"os"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/dial"
)

// Config holds the settings of a Cluster.
type Config struct {
	Namespace     string // of the Jobs
	ForkNamespace string // of the Jobs of forks; empty: Namespace
	KueueQueue    string // Kueue's local queue, which admits the Jobs; empty: they are not suspended
}

// Cluster is the namespace of the builds, and optionally another one for those of forks. A job's manifest says which of
// them it is for; a name exists in one of them only.
type Cluster struct {
	Client    kubernetes.Interface
	Namespace string

	forkNamespace string
	kueueQueue    string
	installation  string // a label of what is created; empty: none

	rest     *rest.Config         // for attaching to containers; nil if New was used
	election kubernetes.Interface // for the Lease alone

	// logs has a rate limit of its own, so that the logs of a node that does not answer delay nothing else.
	logs kubernetes.Interface

	limitRanges *limitRangeCache
}

// New returns a Cluster that uses a client, or an error if the client is nil or there is no namespace. It cannot attach
// to containers.
func New(client kubernetes.Interface, cfg Config) (*Cluster, error) {
	if client == nil {
		return nil, errors.New("kube: the client must not be nil")
	}
	if cfg.Namespace == "" {
		return nil, errors.New("kube: the namespace must not be empty")
	}
	return &Cluster{
		Client:        client,
		Namespace:     cfg.Namespace,
		forkNamespace: cfg.ForkNamespace,
		kueueQueue:    cfg.KueueQueue,
		logs:          client,
		election:      client,
		limitRanges:   &limitRangeCache{},
	}, nil
}

// Connect returns the Cluster of a kubeconfig file. If the path is empty, it uses the usual files and, inside a pod,
// the pod's own cluster.
func Connect(kubeconfig string, cfg Config) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	config = rest.AddUserAgent(config, "yaci")
	config.QPS = 50
	config.Burst = 100
	config.Dial = dial.Context
	config.WarningHandler = rest.NoWarnings{} // about the namespace's Pod Security level; yaci doctor reports it
	if err := detectDeadConnections(); err != nil {
		return nil, err
	}

	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	cluster, err := New(client, cfg)
	if err != nil {
		return nil, err
	}
	cluster.rest = config
	if cluster.logs, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	if cluster.election, err = electionClient(config); err != nil {
		return nil, err
	}
	return cluster, nil
}

// detectDeadConnections makes client-go check a connection after 10 s of silence, and close it after another 5 s. All
// calls share one connection, so a dead one would otherwise stop everything for 45 s. Environment variables are the
// only way to configure that (k8s.io/apimachinery/pkg/util/net/http.go); what the operator has set is kept.
func detectDeadConnections() error {
	for name, value := range map[string]string{
		"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "10",
		"HTTP2_PING_TIMEOUT_SECONDS":      "5",
	} {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("kubernetes: %w", err)
		}
	}
	return nil
}

// WithInstallation returns a copy of the Cluster that labels what it creates with an installation's id.
func (c *Cluster) WithInstallation(id string) *Cluster {
	labelled := *c
	labelled.installation = id
	return &labelled
}

// Installation returns the id that WithInstallation was given; empty: none.
func (c *Cluster) Installation() string { return c.installation }

// Namespaces returns the namespaces of the Jobs.
func (c *Cluster) Namespaces() []string {
	if c.forkNamespace == "" {
		return []string{c.Namespace}
	}
	return []string{c.Namespace, c.forkNamespace}
}

// namespaceOf returns the namespace that a Job is for. The error wraps ci.ErrRefused if the manifest names one that
// this server does not use any more.
func (c *Cluster) namespaceOf(job *batchv1.Job) (string, error) {
	switch {
	case job.Namespace == "":
		return c.Namespace, nil
	case slices.Contains(c.Namespaces(), job.Namespace):
		return job.Namespace, nil
	}
	return "", fmt.Errorf("%w: this server does not use the namespace %s any more; retry the run",
		ci.ErrRefused, job.Namespace)
}

// inAllNamespaces calls do for each namespace. It ignores errors that say that an object is not found.
func (c *Cluster) inAllNamespaces(do func(namespace string) error) error {
	for _, namespace := range c.Namespaces() {
		err := do(namespace)
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
