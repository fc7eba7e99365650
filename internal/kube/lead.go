package kube

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseName is the Lease in the builds' namespace that says who leads.
const leaseName = "yaci-leader"

// A leader that is gone is followed after leaseTime; one that cannot renew its
// lease stops after renewTime, before that.
const (
	leaseTime = 10 * time.Second
	renewTime = 7 * time.Second
	retryTime = time.Second
)

// Lead calls lead whenever this process is elected, with a context that ends
// when it leads no more. It returns when its own context has ended and lead
// has returned, or with the error of lead. The lease is given up only after
// lead has returned.
func (c *Cluster) Lead(ctx context.Context, lead func(context.Context) error) error {
	host, _ := os.Hostname()
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: leaseName, Namespace: c.Namespace},
		Client:     c.Client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + uuid.NewString()},
	}
	for ctx.Err() == nil {
		if err := c.term(ctx, lock, lead); err != nil {
			return err
		}
	}
	return nil
}

// term waits to be elected, leads, and returns when that has ended.
func (c *Cluster) term(ctx context.Context, lock resourcelock.Interface, lead func(context.Context) error) error {
	election, resign := context.WithCancel(context.WithoutCancel(ctx))
	defer resign()
	elected, ended := make(chan struct{}), make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: leaseTime, RenewDeadline: renewTime, RetryPeriod: retryTime, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				close(elected)
				leading, stop := context.WithCancel(leading)
				defer stop()
				defer context.AfterFunc(ctx, stop)()
				ended <- lead(leading)
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
