package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseName is the name of the Lease that the leader holds, in the namespace of the builds.
const leaseName = "yaci-leader"

// A follower takes over when it has seen no renewal for leaseDuration. The leader renews every retryPeriod, and stops
// when it could not for renewDeadline. client-go adds up to 1.2 times retryPeriod to each check of a follower, so a
// leader that is killed is followed after 6 to 11.4 seconds.
const (
	leaseDuration = 7 * time.Second
	renewDeadline = 5 * time.Second
	retryPeriod   = time.Second
	callTimeout   = renewDeadline / 2 // of one call of the election, as in resourcelock.NewFromKubeconfig
)

// Identity returns a unique name for this process in the election. Use one for all terms.
func Identity() string {
	host, _ := os.Hostname()
	return host + "_" + uuid.NewString()
}

// electionClient returns a client whose calls end after callTimeout. It uses HTTP/1.1, where a call that gets no answer
// closes its connection. With HTTP/2 the next call would use the same connection.
func electionClient(config *rest.Config) (kubernetes.Interface, error) {
	config = rest.CopyConfig(config)
	config.Timeout = callTimeout
	config.NextProtos = []string{"http/1.1"}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	return client, nil
}

// ErrLeaseLost says that a term ended because the Lease was not renewed in time, or somebody else holds it.
var ErrLeaseLost = errors.New("the lease was not renewed in time")

// conditionalLock does not acquire the Lease while canLead returns an error, so that a server that can lead is elected.
type conditionalLock struct {
	resourcelock.Interface
	canLead func(context.Context) error
	leading atomic.Bool
}

// Create is called to acquire a Lease that does not exist.
func (l *conditionalLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if err := l.check(ctx); err != nil {
		return err
	}
	return l.Interface.Create(ctx, record)
}

// Update is called to acquire, renew and release the Lease.
func (l *conditionalLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if err := l.check(ctx); err != nil {
		return err
	}
	return l.Interface.Update(ctx, record)
}

func (l *conditionalLock) check(ctx context.Context) error {
	if l.leading.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return l.canLead(ctx)
}

// Lead waits until this process is elected and calls lead, with a context that ends when leadership is lost. It
// releases the Lease when lead has returned, and returns the error of lead, or ErrLeaseLost. It returns nil if ctx
// ends. While canLead returns an error, the process is not elected.
func (c *Cluster) Lead(ctx context.Context, identity string, canLead, lead func(context.Context) error) error {
	lock := &conditionalLock{
		canLead: canLead,
		Interface: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: leaseName, Namespace: c.Namespace},
			Client:     c.election.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
	}
	election, resign := context.WithCancel(context.WithoutCancel(ctx))
	defer resign()
	elected := make(chan struct{})
	ended := make(chan error, 1)
	serve := func(leading context.Context) {
		lock.leading.Store(true)
		close(elected)
		leading, stop := context.WithCancel(leading)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		err := lead(leading)
		if err == nil && leading.Err() != nil && ctx.Err() == nil {
			err = ErrLeaseLost
		}
		ended <- err
		resign()
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: serve,
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		select {
		case <-elected: // serve stops lead, and resigns when lead has returned
		default:
			resign()
		}
	})()
	elector.Run(election)
	select {
	case <-elected:
		return <-ended
	default:
		return nil
	}
}
