package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/e2e"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/pipeline"
)

var benchScale = flag.Int(
	"bench-scale",
	0,
	"measure so many runs at once against as many plain Jobs (make bench-scale)",
)

const scaleYAML = "image: IMAGE\nclone: false\nsteps: ['true']\n"

// TestBenchScale measures how long a burst takes: pushes through the real
// binary, to the last final status; and, first and last, the same pods as Jobs
// that are all made at once, to the end of the last pod.
func TestBenchScale(t *testing.T) {
	n := *benchScale
	if n == 0 {
		t.Skip("make bench-scale")
	}
	w := e2e.NewWorld(t, fmt.Sprintf("YACI_MAX_RUNNING=%d", n))
	client := e2e.Clientset(t)
	payloads, commits := pushes(t, w, n)
	before := plainJobs(t, client, n)
	start := time.Now()
	together(payloads, 16, func(p []byte) { w.GitHub.Send("push", p) })
	taken := time.Since(start)
	for _, c := range commits {
		if st := must(c.repo.WaitStatus(citesttest.Context(t, 10*time.Minute), c.sha, "yaci", citest.Finished))(t); st.State != "success" {
			t.Errorf("%s: %+v", c.sha, st)
		}
	}
	yaci := time.Since(start)
	_, peak := memory(t, w.Cmd.Process.Pid)
	w.Kill() // so that it takes nothing of the machine
	after := plainJobs(t, client, n)
	plain := (before + after) / 2
	t.Logf(
		"\n%d one-step runs at once: %.1f s from the first webhook to the last status (all webhooks answered after %.1f s; the server at most %d MiB)\n%d plain Jobs of the same pods: %.1f s before, %.1f s after\nYACI takes %.2f times as long",
		n,
		yaci.Seconds(),
		taken.Seconds(),
		peak>>10,
		n,
		before.Seconds(),
		after.Seconds(),
		yaci.Seconds()/plain.Seconds(),
	)
}

// commit is one that was pushed.
type commit struct {
	repo *citest.Repo
	sha  string
}

// pushes makes commits whose webhooks are lost, and returns what they said.
func pushes(t *testing.T, w *e2e.World, n int) (payloads [][]byte, commits []commit) {
	t.Helper()
	w.GitHub.DropWebhooks(n)
	r := w.Repo("scale", false)
	for i := range n {
		content := e2e.Files(scaleYAML)
		content["README"] = fmt.Sprint(i)
		commits = append(commits, commit{repo: r, sha: must(r.Commit(fmt.Sprintf("b%d", i), "Change", content, w.Ada))(t)})
	}
	w.Drain()
	for _, d := range w.GitHub.Deliveries() {
		if d.Event == "push" {
			payloads = append(payloads, d.Payload)
		}
	}
	if len(payloads) != n {
		t.Fatalf("%d webhooks of %d pushes", len(payloads), n)
	}
	return payloads, commits
}

// plainJobs makes the Jobs that YACI would make, all at once, and waits until their pods have succeeded.
func plainJobs(t *testing.T, client kubernetes.Interface, n int) time.Duration {
	t.Helper()
	file := must(pipeline.Parse([]byte(strings.ReplaceAll(scaleYAML, "IMAGE", os.Getenv("YACI_RUN_IMAGE")))))(t)
	op := config.Pods{
		Image:         os.Getenv("YACI_IMAGE"),
		Timeout:       time.Hour,
		KeepJobs:      time.Hour,
		CPURequest:    "50m",
		MemoryRequest: "32Mi",
		MemoryLimit:   "4Gi",
		DiskLimit:     "10Gi",
	}.Operator()
	group := fmt.Sprintf("scale-%d", time.Now().UnixNano()%1e12)
	var jobs []ci.JobWithSpec
	for i := range n {
		name := fmt.Sprintf("%s-%d", group, i)
		c := must(pipeline.Compile(file, pipeline.Input{
			RunID:   name,
			JobName: name,
			Attempt: 1,
			Event:   "push",
			Branch:  "main",
		}, op))(t)[0]
		c.Job.Labels["bench"], c.Job.Spec.Template.Labels["bench"] = group, group
		jobs = append(jobs, ci.JobWithSpec{
			Job:     ci.Job{Name: ci.JobName(name), Run: ci.RunID(name)},
			JobSpec: ci.JobSpec{Manifest: must(json.Marshal(c.Job))(t), Files: must(json.Marshal(c.Files))(t)},
		})
	}
	none := must(client.CoreV1().Pods(e2e.BuildNamespace).List(t.Context(), metav1.ListOptions{LabelSelector: "no=such"}))(t)
	pods := must(
		client.CoreV1().
			Pods(e2e.BuildNamespace).
			Watch(t.Context(), metav1.ListOptions{LabelSelector: "bench=" + group, ResourceVersion: none.ResourceVersion}),
	)(
		t,
	)
	defer pods.Stop()
	start := time.Now()
	cluster := must(kube.New(client, kube.Config{Namespace: e2e.BuildNamespace}))(t)
	go together(jobs, 16, func(j ci.JobWithSpec) {
		if _, err := cluster.Launch(t.Context(), ci.Launch{JobWithSpec: j}); err != nil {
			t.Error(err)
		}
	})
	for done := map[string]bool{}; len(done) < n; {
		select {
		case e, ok := <-pods.ResultChan():
			if !ok {
				t.Fatal("the watch of pods ended")
			}
			p, ok := e.Object.(*corev1.Pod)
			if ok && p.Status.Phase == corev1.PodSucceeded {
				done[p.Name] = true
			}
		case <-time.After(2 * time.Minute):
			t.Fatalf("%d of %d plain Jobs are done, and no more in two minutes", len(done), n)
		}
	}
	took := time.Since(start)
	together(jobs, 16, func(j ci.JobWithSpec) {
		_ = cluster.DeleteJobSecret(t.Context(), j.Name)
		_ = cluster.RemoveFinalizer(t.Context(), j.Name)
		now := metav1.DeletePropagationBackground
		_ = client.BatchV1().
			Jobs(e2e.BuildNamespace).
			Delete(t.Context(), string(j.Name), metav1.DeleteOptions{PropagationPolicy: &now})
	})
	return took
}

// together calls do for all, so many at once.
func together[T any](all []T, at int, do func(T)) {
	slots := make(chan struct{}, at)
	var wait sync.WaitGroup
	for _, x := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			do(x)
		})
	}
	wait.Wait()
}
