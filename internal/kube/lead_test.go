package kube_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/yaci-ci/yaci/internal/kube"
)

func canLead(context.Context) error { return nil }

func holder(t *testing.T, client *fake.Clientset) string {
	t.Helper()
	lease, err := client.CoordinationV1().Leases("builds").Get(t.Context(), "yaci-leader", metav1.GetOptions{})
	if err != nil {
		return ""
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// TestH2ResignationReleasesTheLease: a leader that resigns releases the Lease, so the next one need not wait for it to
// expire.
func TestH2ResignationReleasesTheLease(t *testing.T) {
	c, client := newCluster()
	deposed := errors.New("deposed")
	err := c.Lead(t.Context(), "a", canLead, func(context.Context) error {
		if got := holder(t, client); got != "a" {
			t.Errorf("the lease of the leader is held by %q", got)
		}
		return deposed
	})
	if !errors.Is(err, deposed) {
		t.Errorf("%v, want the reason of the resignation", err)
	}
	if got := holder(t, client); got != "" {
		t.Errorf("after the resignation the lease is held by %q", got)
	}
	err = c.Lead(t.Context(), "b", canLead, func(context.Context) error { return deposed })
	if !errors.Is(err, deposed) {
		t.Errorf("the next: %v", err)
	}
}

// TestH4UnrenewedLeaseEndsTheTerm: a leader that cannot renew its Lease stops, and says why.
func TestH4UnrenewedLeaseEndsTheTerm(t *testing.T) {
	c, client := newCluster()
	var down atomic.Bool
	client.PrependReactor("*", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return down.Load(), nil, errors.New("connection refused")
	})
	err := c.Lead(t.Context(), "a", canLead, func(ctx context.Context) error {
		down.Store(true)
		<-ctx.Done()
		return nil
	})
	if !errors.Is(err, kube.ErrLeaseLost) {
		t.Errorf("%v, want %v", err, kube.ErrLeaseLost)
	}
}

// TestH3ServerThatCannotLead: a server that cannot lead, for example because it does not reach its database, leaves the
// Lease to another one.
func TestH3ServerThatCannotLead(t *testing.T) {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "yaci-leader", Namespace: namespace}}
	c, _ := newCluster(lease)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan struct{}, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Lead(ctx, "a", func(context.Context) error { asked <- struct{}{}; return errors.New("unreachable") },
			func(context.Context) error { t.Error("it was elected"); return nil })
	}()
	for range 2 {
		select {
		case <-asked:
		case <-time.After(time.Minute):
			t.Fatal("it was not asked whether it can lead")
		}
	}
	if err := c.Lead(t.Context(), "b", canLead, func(context.Context) error { return nil }); err != nil {
		t.Errorf("the other: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
