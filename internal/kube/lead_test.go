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

func able(context.Context) error { return nil }

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

// A leader that resigns gives the Lease up, and the next one need not wait for it to expire.
func TestH2LeaseIsReleasedByWhoResigns(t *testing.T) {
	client := fake.NewClientset()
	c := &kube.Cluster{Client: client, Namespace: "builds"}
	deposed := errors.New("deposed")
	err := c.Lead(t.Context(), "a", able, func(context.Context) error {
		if got := holder(t, client); got != "a" {
			t.Errorf("the leader's lease is %q's", got)
		}
		return deposed
	})
	if !errors.Is(err, deposed) {
		t.Errorf("%v, want the reason of the resignation", err)
	}
	if got := holder(t, client); got != "" {
		t.Errorf("after the resignation the lease is %q's", got)
	}
	err = c.Lead(t.Context(), "b", able, func(context.Context) error { return deposed })
	if !errors.Is(err, deposed) {
		t.Errorf("the next: %v", err)
	}
}

// A leader that cannot renew its Lease stops, and says why.
func TestH4LeaseThatCannotBeRenewedEndsTheTerm(t *testing.T) {
	client := fake.NewClientset()
	c := &kube.Cluster{Client: client, Namespace: "builds"}
	var away atomic.Bool
	client.PrependReactor("*", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return away.Load(), nil, errors.New("connection refused")
	})
	err := c.Lead(t.Context(), "a", able, func(ctx context.Context) error {
		away.Store(true)
		<-ctx.Done()
		return nil
	})
	if !errors.Is(err, kube.ErrLeaseLost) {
		t.Errorf("%v, want %v", err, kube.ErrLeaseLost)
	}
}

// A server that could not lead, since it does not reach its database, leaves the Lease to another one.
func TestH3LeaseIsNotTakenByWhoCannotLead(t *testing.T) {
	client := fake.NewClientset(
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "yaci-leader", Namespace: "builds"}},
	)
	c := &kube.Cluster{Client: client, Namespace: "builds"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan struct{}, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Lead(ctx, "a", func(context.Context) error { asked <- struct{}{}; return errors.New("away") },
			func(context.Context) error { t.Error("it was elected"); return nil })
	}()
	for range 2 {
		select {
		case <-asked:
		case <-time.After(time.Minute):
			t.Fatal("nobody asked whether it could lead")
		}
	}
	if err := c.Lead(t.Context(), "b", able, func(context.Context) error { return nil }); err != nil {
		t.Errorf("the other: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
