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
)

// jobIn is a job whose Job is for a namespace.
func jobIn(t *testing.T, space string) ci.Job {
	t.Helper()
	j := job(t)
	m := meta("r1")
	m.Namespace = space
	var err error
	if j.Manifest, err = json.Marshal(batchv1.Job{ObjectMeta: m}); err != nil {
		t.Fatal(err)
	}
	return j
}

// The Job and the Secret of a fork are in the forks' namespace, from launch to end.
func TestForksNamespace(t *testing.T) {
	c, client := world()
	c.Forks = "forks"
	ctx := t.Context()
	if _, err := c.Launch(ctx, withToken(jobIn(t, "forks"), "ghs_x")); err != nil {
		t.Fatal(err)
	}
	count := func(space string) [2]int {
		jobs, err := client.BatchV1().Jobs(space).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := client.CoreV1().Secrets(space).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return [2]int{len(jobs.Items), len(secrets.Items)}
	}
	own, forks := count(space), count("forks")
	if own != [2]int{} || forks != [2]int{1, 1} {
		t.Errorf("%v in the builds' namespace, %v in the forks'", own, forks)
	}
	jobs, secrets, err := c.Count(ctx)
	if jobs != 1 || secrets != 1 || err != nil {
		t.Errorf("counted %d and %d, %v", jobs, secrets, err)
	}
	if _, err := client.CoreV1().Pods("forks").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"batch.kubernetes.io/job-name": name}}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pods, err := c.Logs(ctx, name)
	if err != nil || len(pods) != 1 {
		t.Errorf("pods %v, %v", pods, err)
	}
	for verb, f := range map[string]func() error{
		"release": func() error { return c.Release(ctx, name) },
		"drop":    func() error { return c.DropSecret(ctx, name) },
	} {
		if err := f(); err != nil {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if err := c.Stop(ctx, name); err != nil {
		t.Error(err)
	}
	if forks := count("forks"); forks != [2]int{} {
		t.Errorf("left %v", forks)
	}
}

func TestNamespaceThatIsNotOurs(t *testing.T) {
	c, client := world()
	if _, err := c.Launch(t.Context(), withToken(jobIn(t, "kube-system"), "ghs_x")); !errors.Is(err, ci.ErrRefused) {
		t.Errorf("launched: %v", err)
	}
	calls := did(client)
	if slices.Contains(calls, "create jobs") || slices.Contains(calls, "create secrets") {
		t.Errorf("calls %q", calls)
	}
}
