package kube_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
)

// jobIn returns a job whose manifest names a namespace.
func jobIn(t *testing.T, namespace string) ci.JobWithSpec {
	t.Helper()
	j := job(t)
	m := meta("r1")
	m.Namespace = namespace
	var err error
	if j.Manifest, err = json.Marshal(batchv1.Job{ObjectMeta: m}); err != nil {
		t.Fatal(err)
	}
	return j
}

// TestForkNamespace: the Job and the Secret of a fork are in the namespace of forks, from launch to deletion.
func TestForkNamespace(t *testing.T) {
	c, client := clusterWith(kube.Config{Namespace: namespace, ForkNamespace: "forks"})
	ctx := t.Context()
	if _, err := c.Launch(ctx, withToken(jobIn(t, "forks"), "ghs_x")); err != nil {
		t.Fatal(err)
	}
	count := func(namespace string) [2]int {
		jobs, err := client.BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := client.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return [2]int{len(jobs.Items), len(secrets.Items)}
	}
	own, forks := count(namespace), count("forks")
	if own != [2]int{} || forks != [2]int{1, 1} {
		t.Errorf("%v in the builds' namespace, %v in the forks'", own, forks)
	}
	jobs, secrets, err := c.CountManaged(ctx)
	if jobs != 1 || secrets != 1 || err != nil {
		t.Errorf("counted %d and %d, %v", jobs, secrets, err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name:   "p",
		Labels: map[string]string{batchv1.JobNameLabel: name},
	}}
	if _, err := client.CoreV1().Pods("forks").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pods, err := c.Logs(ctx, name)
	if err != nil || len(pods) != 1 {
		t.Errorf("pods %v, %v", pods, err)
	}
	for verb, f := range map[string]func() error{
		"remove finalizer": func() error { return c.RemoveFinalizer(ctx, name) },
		"delete secret":    func() error { return c.DeleteJobSecret(ctx, name) },
	} {
		if err := f(); err != nil {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if err := c.DeleteJob(ctx, name); err != nil {
		t.Error(err)
	}
	if forks := count("forks"); forks != [2]int{} {
		t.Errorf("left %v", forks)
	}
}

func TestUnknownNamespace(t *testing.T) {
	c, client := newCluster()
	if _, err := c.Launch(t.Context(), withToken(jobIn(t, "kube-system"), "ghs_x")); !errors.Is(err, ci.ErrRefused) {
		t.Errorf("launched: %v", err)
	}
	calls := callsOf(client)
	if slices.Contains(calls, "create jobs") || slices.Contains(calls, "create secrets") {
		t.Errorf("calls %q", calls)
	}
}
