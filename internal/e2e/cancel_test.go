package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// long is a job that says so when it is told to end.
const long = "image: IMAGE\nsteps: [{name: wait, run: \"trap 'echo told; exit 1' TERM; echo started; i=0; while [ $i -lt 600 ]; do i=$((i+1)); sleep 0.1; done\"}]\n"

// theirRun is the id of the newest run that was launched.
func (w *World) theirRun() string {
	w.T.Helper()
	m := regexp.MustCompile(`msg="launched job" run=(\w+)`).FindAllStringSubmatch(w.Log.String(), -1)
	return m[len(m)-1][1]
}

// gone waits until nothing of a pod's job is left in the cluster.
func (w *World) gone(pod *corev1.Pod) {
	w.T.Helper()
	client, job := Clientset(w.T), pod.Labels["batch.kubernetes.io/job-name"]
	w.Until("Job, pod and Secret are gone", func() bool {
		_, noJob := client.BatchV1().Jobs(pod.Namespace).Get(w.T.Context(), job, metav1.GetOptions{})
		_, noPod := client.CoreV1().Pods(pod.Namespace).Get(w.T.Context(), pod.Name, metav1.GetOptions{})
		_, noSecret := client.CoreV1().Secrets(pod.Namespace).Get(w.T.Context(), job, metav1.GetOptions{})
		return apierrors.IsNotFound(noJob) && apierrors.IsNotFound(noPod) && apierrors.IsNotFound(noSecret)
	})
}

// TestCancel: the status is final at once, the container is told to end, and nothing is left; also when the server dies
// in between.
func TestCancel(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	for _, killed := range []bool{false, true} {
		w := NewWorld(t)
		r := w.Repo("cancelled", false)
		sha := w.push(r, long)
		pod := w.theirPod(client)
		run := w.theirRun()
		if code, body := w.call("POST", "/api/v1/runs/"+run+"/cancel", "", apiToken); code != http.StatusOK {
			t.Fatalf("cancel: %d %s", code, body)
		}
		if killed {
			w.Kill()
			w.start()
		}
		st := w.Final(r, sha)
		if st.State != "error" || st.Description != "Cancelled by api token YACI_API_TOKEN." {
			t.Errorf("status %+v", st)
		}
		w.gone(pod)
		if code, _ := w.call("POST", "/api/v1/runs/"+run+"/cancel", "", apiToken); code != http.StatusConflict {
			t.Errorf("cancelled once more: %d", code)
		}
	}
}

// TestSupersede: a push to a pull request's branch ends the run of the one before.
func TestSupersede(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	w := NewWorld(t)
	r := w.Repo("superseded", false)
	w.push(r, "")
	c := must(r.Clone(t.TempDir(), w.Ada))(t)
	must(c.Git("switch", "--quiet", "-c", "topic"))(t)
	old := w.PushFrom(c, long)
	must(r.OpenPull("topic", "main", "Change", w.Ada))(t)
	pod := w.theirPod(client)
	sha := w.PushFrom(c, passing)
	st := w.Final(r, old)
	if st.State != "error" || !strings.HasPrefix(st.Description, "Superseded by "+sha[:7]+", which ") {
		t.Errorf("status %+v", st)
	}
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
	w.gone(pod)
}

// TestQueue: who waits is told why, and then that it runs.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := NewWorld(t, "YACI_MAX_RUNNING=1")
	r := w.Repo("queued", false)
	w.push(r, "image: IMAGE\nsteps: ['sleep 4']\n")
	sha := w.push(r, strings.Replace(passing, "two", "three", 1))
	waits := must(
		r.WaitStatus(
			citesttest.Context(t, time.Minute),
			sha,
			"yaci",
			func(s citest.Status) bool { return strings.HasPrefix(s.Description, "Waiting: ") },
		),
	)(
		t,
	)
	if !strings.HasPrefix(waits.Description, "Waiting: 1st in line, 1 of 1 slots busy") {
		t.Errorf("status %+v", waits)
	}
	var line []struct{ Repo, Reason string }
	code, body := w.call("GET", "/api/v1/queue", "", apiToken)
	if code != http.StatusOK || json.Unmarshal([]byte(body), &line) != nil || len(line) != 1 ||
		line[0].Repo != "ada/queued" ||
		line[0].Reason != "all" {
		t.Errorf("queue: %d %s", code, body)
	}
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

// TestAppTakenAway: what runs of a repository ends with the App's access to it, and nothing is left.
func TestAppTakenAway(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	r := w.Repo("bereft", false)
	w.push(r, long)
	pod := w.theirPod(Clientset(t))
	run := w.theirRun()
	r.Uninstall()
	w.Until("the run is cancelled", func() bool {
		code, body := w.call("GET", "/api/v1/runs/"+run, "", apiToken)
		return code == http.StatusOK && strings.Contains(body, `"Cancelled: the GitHub App was removed from ada/bereft."`)
	})
	w.gone(pod)
}

// TestKueue: a suspended Job waits, and runs when it is admitted, which is done here as Kueue does it.
func TestKueue(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	space := Namespace(t, client, nil)
	w := NewWorld(t, "YACI_KUEUE_QUEUE=builds", "YACI_NAMESPACE="+space)
	r := w.Repo("kueue", false)
	sha := w.push(r, passing)
	w.Until("a suspended Job", func() bool {
		list := must(
			client.BatchV1().
				Jobs(space).
				List(t.Context(), metav1.ListOptions{LabelSelector: "kueue.x-k8s.io/queue-name=builds"}),
		)(
			t,
		)
		if len(list.Items) != 1 || len(list.Items[0].Status.Conditions) == 0 {
			return false
		}
		_, err := client.BatchV1().
			Jobs(space).
			Patch(t.Context(), list.Items[0].Name, types.MergePatchType, []byte(`{"spec":{"suspend":false}}`), metav1.PatchOptions{})
		return err == nil
	})
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}
