package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/doctor"
)

// TestDoctorOnIsolation: what keeps the pods of forks, or all pods, from starting
// on a real cluster is found by the check that it belongs to, with what to do.
func TestDoctorOnIsolation(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
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
	forks, w := withForks(t, client), NewWorld(t)
	for _, c := range []struct {
		env, check   string
		level        doctor.Level
		summary, fix string
	}{
		{"YACI_FORK_NAMESPACE=" + forks, "forks: pod security", doctor.Warning, forks + " accepts privileged pods", "kubectl label namespace " + forks},
		{"YACI_FORK_NAMESPACE=yaci-nowhere", "cluster permissions", doctor.Problem, "create jobs.batch in yaci-nowhere", "deploy/forks"},
		{"YACI_FORK_RUNTIME_CLASS=yaci-none", "forks: runtime class", doctor.Problem, "The cluster has no RuntimeClass yaci-none", "YACI_FORK_RUNTIME_CLASS"},
		{"YACI_RUNTIME_CLASS=" + handlerless.Name, "runtime class", doctor.Problem, "does not have the handler of the RuntimeClass " + handlerless.Name, "nodeSelector"},
		{"YACI_USER_NAMESPACES=true", "user namespaces", doctor.Problem, "no pod starts: the container runtime of the node does not support user namespaces", "containerd 2"},
	} {
		f := w.doctor(t, c.env)[c.check]
		if f.Level != c.level || !strings.Contains(f.Summary, c.summary) || !strings.Contains(f.Fix, c.fix) {
			t.Errorf("%s: %s: %+v", c.env, c.check, f)
		}
	}
}

// TestS15DoctorTellsWhetherProcessesAreLimited: the kubelet of the local cluster has podPidsLimit: 512, which no file
// in a container shows: pids.max is "max" there. The doctor finds it, and finds that it is missing when the node's
// cgroup of its pod has none.
func TestS15DoctorTellsWhetherProcessesAreLimited(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	cgroups := must(filepath.Glob("/sys/fs/cgroup/pids/yaci-*"))(t)
	if more := must(filepath.Glob("/sys/fs/cgroup/yaci-*/kubepods"))(t); len(cgroups)+len(more) == 0 {
		t.Skip("the cgroups of the cluster's node are not on this machine")
	}
	w := NewWorld(t)
	if f := w.doctor(t)["process limit"]; f.Level != doctor.Good ||
		!strings.Contains(f.Summary, "podPidsLimit of the kubelet is in force") {
		t.Errorf("with a limit: %+v", f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	lifted := make(chan int, 1)
	go func() { lifted <- liftProcessLimits(ctx, client) }()
	f := w.doctor(t)["process limit"]
	cancel()
	if n := <-lifted; n == 0 {
		t.Error("no pod of the doctor's was found in the cgroups")
	}
	if f.Level != doctor.Warning || !strings.Contains(f.Summary, "was refused none") ||
		!strings.Contains(f.Fix, "podPidsLimit") {
		t.Errorf("without a limit: %+v", f)
	}
}

// liftProcessLimits takes the limit on processes off the pods of the doctor, as soon as the kubelet has made their
// cgroups, until the context ends. It returns from how many.
func liftProcessLimits(ctx context.Context, client kubernetes.Interface) int {
	lifted := map[string]bool{}
	for ctx.Err() == nil {
		pods, err := client.CoreV1().
			Pods(BuildNamespace).
			List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name"})
		if err != nil {
			continue
		}
		for _, pod := range pods.Items {
			if !strings.HasPrefix(pod.Labels["batch.kubernetes.io/job-name"], "yaci-doctor-") {
				continue
			}
			for _, pattern := range []string{"/sys/fs/cgroup/pids/yaci-*/kubepods/*/pod%s/pids.max", "/sys/fs/cgroup/yaci-*/kubepods/*/pod%s/pids.max"} {
				files, _ := filepath.Glob(fmt.Sprintf(pattern, pod.UID))
				for _, file := range files {
					if os.WriteFile(file, []byte("max"), 0) == nil {
						lifted[file] = true
					}
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return len(lifted)
}
