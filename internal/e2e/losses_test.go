package e2e

import (
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

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// TestCommitGone: its branch was deleted before the queue came to it.
func TestCommitGone(t *testing.T) {
	t.Parallel()
	w := NewWorld(t, "YACI_MAX_RUNNING=1")
	busy, r := w.Repo("busy", false), w.Repo("gone", false)
	first := w.push(busy, "image: IMAGE\nsteps: [sleep 4]\n")
	w.Until("the first job is launched", func() bool { return strings.Contains(w.Log.String(), `msg="launched job"`) })
	clone := must(r.Clone(t.TempDir(), w.Ada))(t)
	must(clone.Git("switch", "--quiet", "-c", "topic"))(t)
	sha := w.PushFrom(clone, passing)
	must(r.WaitStatus(citesttest.Context(t, time.Minute), sha, "yaci", nil))(t) // so the file was read
	if err := r.Forget("topic"); err != nil {
		t.Fatal(err)
	}
	st := w.Final(r, sha)
	if st.State != "error" ||
		!regexp.MustCompile(`^Could not prepare the job: .*`+sha[:7]+`.*`).MatchString(st.Description) {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	if st := w.Final(busy, first); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}

// TestCloneAgain: GitHub hangs up on a fetch, answers the next with 502, and the job does not mind.
func TestCloneAgain(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("shaky", false)
	clone := must(r.Clone(t.TempDir(), w.Ada))(t)
	inPod := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/git-upload-pack") }
	w.GitHub.Inject(citest.Fault{Match: inPod, Times: 1, HangUp: true})
	w.GitHub.Inject(citest.Fault{Match: inPod, Times: 1, Status: http.StatusBadGateway})
	sha := w.PushFrom(clone, "image: IMAGE\nsteps: [test -f .yaci.yml]\n")
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
	told := regexp.MustCompile(`level=WARN msg="clone container left a note" .*note="fetched again after git: .*502`)
	w.Until("the log tells", func() bool { return told.MatchString(w.Log.String()) })
}

// TestCloneCutByTime: a clone that takes longer than the job may is no failure of the code.
func TestCloneCutByTime(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("huge", false)
	clone := must(r.Clone(t.TempDir(), w.Ada))(t)
	w.GitHub.Inject(
		citest.Fault{
			Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/git-upload-pack") },
			Delay: time.Minute,
		},
	)
	sha := w.PushFrom(clone, "image: IMAGE\ntimeout: 5s\nsteps: ['true']\n")
	st := w.Final(r, sha)
	if st.State != "error" ||
		st.Description != "Timed out after 5.0s while fetching the commit. "+
			"Raise the timeout of the job, or fetch less (see clone)." {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}

// runsAgain waits until a run says that it was lost, and why.
func (w *World) runsAgain(r *citest.Repo, sha, why string) {
	w.T.Helper()
	st := must(r.WaitStatus(citesttest.Context(w.T, 3*time.Minute), sha, "yaci", func(s citest.Status) bool {
		return citest.Finished(s) || strings.HasPrefix(s.Description, "Runs again")
	}))(w.T)
	if !strings.HasPrefix(st.Description, "Runs again (1 of 3): "+why) {
		w.T.Errorf("%s: %s, want it to run again because %s", st.State, st.Description, why)
	}
}

// TestNodeDrained: as kubectl drain does it. The job waits for the node and runs again.
func TestNodeDrained(t *testing.T) {
	client := Clientset(t)
	w := NewWorld(t)
	r := w.Repo("drained", false)
	sha := w.push(r, losing)
	pod := w.theirPod(client)
	Cordon(t, true)
	t.Cleanup(func() { Cordon(t, false) })
	if err := client.PolicyV1().Evictions(pod.Namespace).Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}}); err != nil {
		t.Fatal(err)
	}
	w.runsAgain(r, sha, "its node was drained")
	w.Until("the second pod has no node", func() bool {
		pods := must(
			client.CoreV1().
				Pods(pod.Namespace).
				List(t.Context(), metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + pod.Labels["batch.kubernetes.io/job-name"]}),
		)(
			t,
		)
		return len(pods.Items) == 1 && pods.Items[0].Name != pod.Name && pods.Items[0].Status.Phase == corev1.PodPending
	})
	Cordon(t, false)
	if st := w.Final(r, sha); st.State != "success" {
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
	NeedsProcess(t, "the only node goes, and a server on it too")
	client := Clientset(t)
	w := NewWorld(t)
	r := w.Repo("nodeless", false)
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
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("%s: %s", st.State, st.Description)
	}
}
