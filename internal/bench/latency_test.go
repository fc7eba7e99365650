package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/e2e"
)

var benchLatency = flag.Int(
	"bench-latency",
	0,
	"measure how soon a push becomes a Job and its end a status, this often (make bench-latency)",
)

// TestBenchLatency measures the real binary on a real cluster with a GitHub that
// answers at once: from the webhook's 202 to the Job, from the end of the last
// container to the final status, and what a run costs in calls. The end of a
// container is told in two ways: by the runner's own clock, a little before it
// exits, and as soon as the API server shows it, which the kubelet notices once a second.
func TestBenchLatency(t *testing.T) {
	if *benchLatency == 0 {
		t.Skip("make bench-latency")
	}
	e2e.NeedsProcess(t, "its calls of the API server are counted on a way of their own")
	api := countAPI(t)
	w := e2e.NewWorld(t, "KUBECONFIG="+api.kubeconfig)
	r := w.Repo("latency", false)
	working := must(r.Clone(t.TempDir(), w.Ada))(t)
	client := e2e.Clientset(t)
	none := must(client.CoreV1().Pods(e2e.BuildNamespace).List(t.Context(), metav1.ListOptions{LabelSelector: "no=such"}))(t)
	pods := must(
		client.CoreV1().
			Pods(e2e.BuildNamespace).
			Watch(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=yaci", ResourceVersion: none.ResourceVersion}),
	)(
		t,
	)
	defer pods.Stop()
	var made, exit, seen []float64
	var asked, called int
	past := map[string]bool{}          // pods that have ended
	for i := range *benchLatency + 2 { // the first two warm up
		if i == 2 {
			asked, called = len(w.GitHub.Requests()), len(api.all())
		}
		before := len(api.all())
		sha := w.PushFrom(working, fmt.Sprintf("image: IMAGE\nsteps: ['true'] # %d\n", i))
		answered := w.LastDelivery()
		exited, shown := lastExit(t, pods, past)
		if st := w.Final(r, sha); st.State != "success" {
			t.Fatalf("status %+v", st)
		} else if i >= 2 {
			made = append(made, since(answered.At.Add(answered.Duration), created(t, api, before)))
			exit, seen = append(exit, since(exited, st.At)), append(seen, since(shown, st.At))
		}
		w.Until("the run is settled", func() bool { return callsOf(api.all()[before:], "PATCH jobs") > 0 })
	}
	var github, git, cluster []string
	for _, q := range w.GitHub.Requests()[asked:] {
		if what := plain(q); strings.Contains(what, ".git/") {
			git = append(git, what)
		} else {
			github = append(github, what)
		}
	}
	for _, c := range api.all()[called:] {
		cluster = append(cluster, c.what)
	}
	n := float64(len(made))
	t.Logf(
		"\n%d runs, in milliseconds                         p50    p95    max\nwebhook answered -> Job created            %s\nlast container's command ended -> status   %s\nlast container's end shown -> status       %s\n"+
			"calls of GitHub a run: %.1f, and %.1f of git\n%s%scalls of Kubernetes a run, watches aside: %.1f\n%s",
		len(made),
		spread(made),
		spread(exit),
		spread(seen),
		float64(
			len(github),
		)/n,
		float64(len(git))/n,
		perRun(github, len(made)),
		perRun(git, len(made)),
		float64(len(cluster))/n,
		perRun(cluster, len(made)),
	)
}

// lastExit waits for a pod to end: when its last container's command did by the
// runner's clock, and when the API server showed it.
func lastExit(t *testing.T, pods watch.Interface, past map[string]bool) (exited, shown time.Time) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case e, ok := <-pods.ResultChan():
			if !ok || e.Type == watch.Error {
				t.Fatalf("the watch of pods ended: %+v", e.Object)
			}
			p, _ := e.Object.(*corev1.Pod)
			exited = ends(p)
			if e.Type == watch.Added && !exited.IsZero() {
				past[p.Name] = true
			} else if !exited.IsZero() && !past[p.Name] {
				past[p.Name] = true
				return exited, time.Now()
			}
		case <-limit:
			t.Fatal("no pod ended within a minute")
		}
	}
}

// ends is the last end that the records of a pod's containers tell of; zero while one runs.
func ends(p *corev1.Pod) (last time.Time) {
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Terminated == nil {
			return time.Time{}
		}
		var record struct{ Finished int64 }
		err := json.Unmarshal([]byte(c.State.Terminated.Message), &record)
		if err == nil && time.UnixMilli(record.Finished).After(last) {
			last = time.UnixMilli(record.Finished)
		}
	}
	return last
}

// created is when the API server had made the Job of the newest run.
func created(t *testing.T, api *apiCount, before int) time.Time {
	t.Helper()
	for _, c := range api.all()[before:] {
		if c.what == "POST jobs" {
			return c.at
		}
	}
	t.Fatal("no Job was made")
	return time.Time{}
}

func callsOf(calls []apiCall, what string) (n int) {
	for _, c := range calls {
		if c.what == what {
			n++
		}
	}
	return n
}

var ids = regexp.MustCompile(`[0-9a-f]{40}|\?.*`)

// plain is a request without what differs from run to run.
func plain(q citest.Request) string { return q.Method + " " + ids.ReplaceAllString(q.Path, "…") }

func since(from, to time.Time) float64 { return float64(to.Sub(from).Microseconds()) / 1000 }

func spread(x []float64) string {
	s := slices.Sorted(slices.Values(x))
	at := func(q float64) float64 { return s[int(q*float64(len(s)-1)+0.5)] }
	return fmt.Sprintf("%6.0f %6.0f %6.0f", at(0.5), at(0.95), at(1))
}
