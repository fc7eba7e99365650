package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// TestCommitGone: its branch was deleted before the queue came to it.
func TestCommitGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "YACI_MAX_RUNNING=1")
	busy, r := w.repo("busy", false), w.repo("gone", false)
	first := w.push(busy, "image: IMAGE\nsteps: [sleep 4]\n")
	w.until("the first job is launched", func() bool { return strings.Contains(w.log.String(), `msg="launched job"`) })
	clone := must(r.Clone(t.TempDir(), w.ada))(t)
	must(clone.Git("switch", "--quiet", "-c", "topic"))(t)
	sha := w.pushFrom(clone, passing)
	must(r.WaitStatus(citesttest.Context(t, time.Minute), sha, "yaci", nil))(t) // so the file was read
	if err := r.Forget("topic"); err != nil {
		t.Fatal(err)
	}
	st := w.final(r, sha)
	if st.State != "error" ||
		!regexp.MustCompile(`^Could not prepare the job: .*`+sha[:7]+`.*`).MatchString(st.Description) {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	if st := w.final(busy, first); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}

// TestCloneAgain: GitHub hangs up on a fetch, answers the next with 502, and the job does not mind.
func TestCloneAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repo("shaky", false)
	clone := must(r.Clone(t.TempDir(), w.ada))(t)
	inPod := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/git-upload-pack") }
	w.github.Inject(citest.Fault{Match: inPod, Times: 1, HangUp: true})
	w.github.Inject(citest.Fault{Match: inPod, Times: 1, Status: http.StatusBadGateway})
	sha := w.pushFrom(clone, "image: IMAGE\nsteps: [test -f .yaci.yml]\n")
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	told := regexp.MustCompile(`level=WARN msg="clone container left a note" .*note="fetched again after git: .*502`)
	w.until("the log tells", func() bool { return told.MatchString(w.log.String()) })
}

// TestCloneCutByTime: a clone that takes longer than the job may is no failure of the code.
func TestCloneCutByTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.repo("huge", false)
	clone := must(r.Clone(t.TempDir(), w.ada))(t)
	w.github.Inject(
		citest.Fault{
			Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/git-upload-pack") },
			Delay: time.Minute,
		},
	)
	sha := w.pushFrom(clone, "image: IMAGE\ntimeout: 5s\nsteps: ['true']\n")
	st := w.final(r, sha)
	if st.State != "error" ||
		st.Description != "Timed out after 5.0s while fetching the commit. "+
			"Raise the timeout of the job, or fetch less (see clone)." {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}

// cordon closes the only node to new pods, or opens it.
func cordon(t *testing.T, closed bool) {
	t.Helper()
	nodes := clientset(t).CoreV1().Nodes()
	list := must(nodes.List(context.Background(), metav1.ListOptions{}))(t)
	patch := []byte(`{"spec": {"unschedulable": ` + strconv.FormatBool(closed) + `}}`)
	must(
		nodes.Patch(context.Background(), list.Items[0].Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}),
	)(
		t,
	)
}

// runsAgain waits until a run says that it was lost, and why.
func (w *world) runsAgain(r *citest.Repo, sha, why string) {
	w.t.Helper()
	st := must(r.WaitStatus(citesttest.Context(w.t, 3*time.Minute), sha, "yaci", func(s citest.Status) bool {
		return citest.Finished(s) || strings.HasPrefix(s.Description, "Runs again")
	}))(w.t)
	if !strings.HasPrefix(st.Description, "Runs again (1 of 3): "+why) {
		w.t.Errorf("%s: %s, want it to run again because %s", st.State, st.Description, why)
	}
}

// TestNodeDrained: as kubectl drain does it. The job waits for the node and runs again.
func TestNodeDrained(t *testing.T) {
	client := clientset(t)
	w := newWorld(t)
	r := w.repo("drained", false)
	sha := w.push(r, losing)
	pod := w.theirPod(client)
	cordon(t, true)
	t.Cleanup(func() { cordon(t, false) })
	if err := client.PolicyV1().Evictions(pod.Namespace).Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}}); err != nil {
		t.Fatal(err)
	}
	w.runsAgain(r, sha, "its node was drained")
	w.until("the second pod has no node", func() bool {
		pods := must(
			client.CoreV1().
				Pods(pod.Namespace).
				List(t.Context(), metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + pod.Labels["batch.kubernetes.io/job-name"]}),
		)(
			t,
		)
		return len(pods.Items) == 1 && pods.Items[0].Name != pod.Name && pods.Items[0].Status.Phase == corev1.PodPending
	})
	cordon(t, false)
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}

// killKubelet ends the local cluster's kubelet, and returns what starts it again.
func killKubelet(t *testing.T) (up func()) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(filepath.Dir(os.Getenv("KUBECONFIG")), "kubelet.pid"))
	if err != nil {
		t.Skip("the cluster is not deploy/local's")
	}
	up = func() {
		cmd := exec.Command("bin/local", "up")
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("bin/local up: %v: %s", err, out)
		}
	}
	if err := syscall.Kill(must(strconv.Atoi(string(data)))(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return up
}

// TestNodeGone: the node disappears with its kubelet, and another of its name comes.
func TestNodeGone(t *testing.T) {
	needsProcess(t, "the only node goes, and a server on it too")
	client := clientset(t)
	w := newWorld(t)
	r := w.repo("nodeless", false)
	sha := w.push(r, losing)
	pod := w.theirPod(client)
	up := killKubelet(t)
	back := false
	t.Cleanup(func() {
		if !back {
			up()
		}
	})
	if err := client.CoreV1().Nodes().Delete(t.Context(), pod.Spec.NodeName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// the cluster's pod collector takes about a minute (kube-controller-manager, podgc)
	w.runsAgain(r, sha, "its node is gone")
	up()
	back = true
	if st := w.final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}
