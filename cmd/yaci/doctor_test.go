package main

import (
	"context"
	"strings"
	"testing"

	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/doctor"
)

// TestDoctorOnIsolation: what keeps the pods of forks, or all pods, from starting
// on a real cluster is found by the check that it belongs to, with what to do.
func TestDoctorOnIsolation(t *testing.T) {
	t.Parallel()
	client := clientset(t)
	for _, n := range must(client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}))(t).Items {
		for _, h := range n.Status.RuntimeHandlers {
			if h.Features != nil && h.Features.UserNamespaces != nil && *h.Features.UserNamespaces {
				t.Skip("this cluster's nodes have user namespaces")
			}
		}
	}
	handlerless := must(client.NodeV1().RuntimeClasses().Create(t.Context(), &nodev1.RuntimeClass{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "yaci-test-"}, Handler: "yaci-nobody-has",
	}, metav1.CreateOptions{}))(t)
	t.Cleanup(func() {
		client.NodeV1().RuntimeClasses().Delete(context.Background(), handlerless.Name, metav1.DeleteOptions{})
	})
	forks, w := withForks(t, client), newWorld(t)
	for _, c := range []struct {
		env, check  string
		level       doctor.Level
		found, mend string
	}{
		{"YACI_FORK_NAMESPACE=" + forks, "forks: pod security", doctor.Warning, forks + " takes privileged pods", "kubectl label namespace " + forks},
		{"YACI_FORK_NAMESPACE=yaci-nowhere", "cluster rights", doctor.Problem, "create jobs.batch in yaci-nowhere", "deploy/forks"},
		{"YACI_FORK_RUNTIME_CLASS=yaci-none", "forks: runtime class", doctor.Problem, "The cluster has no RuntimeClass yaci-none", "YACI_FORK_RUNTIME_CLASS"},
		{"YACI_RUNTIME_CLASS=" + handlerless.Name, "runtime class", doctor.Problem, "does not know the handler of the RuntimeClass " + handlerless.Name, "nodeSelector"},
		{"YACI_USER_NAMESPACES=true", "user namespaces", doctor.Problem, "no pod starts: the container runtime of the node does not support user namespaces", "containerd 2"},
	} {
		f := w.doctor(t, c.env)[c.check]
		if f.Level != c.level || !strings.Contains(f.Found, c.found) || !strings.Contains(f.Mend, c.mend) {
			t.Errorf("%s: %s: %+v", c.env, c.check, f)
		}
	}
}
