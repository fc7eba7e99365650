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

// leaseName is the Lease in the builds' namespace that says who leads.
const leaseName = "yaci-leader"

// A follower takes over when it has seen no renewal for leaseTime. The leader, which renews each retryTime, stops when
// it could not for renewTime. client-go adds up to 1.2 times retryTime to each look of a follower, so that a leader
// that is killed is followed after 6 to 11.4 seconds.
const (
	leaseTime = 7 * time.Second
	renewTime = 5 * time.Second
	retryTime = time.Second
	callTime  = renewTime / 2 // for one call of the election, as in resourcelock.NewFromKubeconfig
)

// Identity is a name for this process in the election. It stays the same from term to term.
func Identity() string {
	host, _ := os.Hostname()
	return host + "_" + uuid.NewString()
}

// electionClient makes calls that end after callTime. It speaks HTTP/1.1: there a call that got no answer closes its
// connection, while HTTP/2 would send the next one over the same.
func electionClient(cfg *rest.Config) (kubernetes.Interface, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.Timeout = callTime
	cfg.NextProtos = []string{"http/1.1"}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	return client, nil
}

// ErrLeaseLost says that a term ended because the Lease could not be renewed in time, or somebody else has it.
var ErrLeaseLost = errors.New("the lease was not renewed in time")

// ableLock takes no Lease while this process could not lead, so that one that could is elected.
type ableLock struct {
	resourcelock.Interface
	able    func(context.Context) error
	leading atomic.Bool
}

// Create is called for the first election of all.
func (l *ableLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if err := l.check(ctx); err != nil {
		return err
	}
	return l.Interface.Create(ctx, record)
}

// Update is called to take a Lease, to renew it, and to give it up.
func (l *ableLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if err := l.check(ctx); err != nil {
		return err
	}
	return l.Interface.Update(ctx, record)
}

func (l *ableLock) check(ctx context.Context) error {
	if l.leading.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return l.able(ctx)
}

// Lead waits until this process is elected and calls lead, with a context that ends when it leads no more. It gives the
// Lease up when lead has returned, and returns lead's error, or ErrLeaseLost. When its own context ends it returns nil.
// While able returns an error it does not take the Lease.
func (c *Cluster) Lead(ctx context.Context, identity string, able, lead func(context.Context) error) error {
	client := c.election
	if client == nil {
		client = c.Client
	}
	lock := &ableLock{able: able, Interface: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: leaseName, Namespace: c.Namespace},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}}
	election, resign := context.WithCancel(context.WithoutCancel(ctx))
	defer resign()
	elected, ended := make(chan struct{}), make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   leaseTime,
		RenewDeadline:   renewTime,
		RetryPeriod:     retryTime,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
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
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		select {
		case <-elected: // lead is told, and resigns when it is done
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
