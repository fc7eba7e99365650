package watch

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// cluster notes the calls of the watcher, and the state that the database had at that moment.
type cluster struct {
	db    *store.Store
	calls []string
	err   error
}

func (c *cluster) note(ctx context.Context, verb string, name ci.JobName) error {
	job, err := c.db.Job(ctx, name)
	if err != nil {
		return err
	}
	c.calls = append(c.calls, verb+" while "+string(job.State))
	return c.err
}

func (c *cluster) DeleteJobSecret(ctx context.Context, name ci.JobName) error {
	return c.note(ctx, "drop", name)
}
func (c *cluster) DeleteJob(ctx context.Context, name ci.JobName) error {
	return c.note(ctx, "stop", name)
}
func (c *cluster) RemoveFinalizer(ctx context.Context, name ci.JobName) error {
	return c.note(ctx, "release", name)
}

// logs is a Logs that notes what is followed, and returns open from Open.
type logs struct{ followed, open []string }

func (b *logs) Follow(_ context.Context, job ci.Job, pod, container string, _ bool) {
	b.followed = append(b.followed, job.UID+"/"+pod+"/"+container)
}
func (b *logs) Open(context.Context, ci.Job, []string) ([]string, error) { return b.open, nil }

// watched returns a watcher whose caches contain the scene, with a real database that contains its job.
func watched(t *testing.T, s *scene) (*Watcher, *cluster) {
	t.Helper()
	db := stored(t, s)
	c := &cluster{db: db}
	var objects []runtime.Object
	if s.job != nil {
		objects = append(objects, s.job)
	}
	for _, p := range s.pods {
		objects = append(objects, p)
	}
	w, err := New(Config{
		Client:     fake.NewClientset(objects...),
		Namespaces: []string{"other", "builds"},
		Jobs:       db,
		Outcomes:   db,
		Logs:       &logs{},
		Cluster:    c,
		Log:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range w.caches {
		s.factory.Start(t.Context().Done())
	}
	if !cache.WaitForCacheSync(t.Context().Done(), w.synced...) {
		t.Fatal("the caches are not filled")
	}
	return w, c
}

// queued returns a job as it was when it was created.
func queued(j ci.Job) ci.NewJob {
	return ci.NewJob{
		Name:      j.Name,
		Run:       j.Run,
		Attempt:   j.Attempt,
		Title:     j.Title,
		State:     ci.Queued,
		Manifest:  []byte("{}"),
		Files:     []byte("{}"),
		Steps:     j.Steps,
		Services:  j.Services,
		UID:       j.UID,
		Started:   j.Started,
		Finished:  j.Finished,
		CleanedUp: j.CleanedUp,
	}
}

func stored(t *testing.T, s *scene) *store.Store {
	t.Helper()
	plan := store.WithReports(report.Planner(report.StatusReporter))
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	run := ci.Run{
		ID:      s.stored.Run,
		Event:   ci.Event{Kind: ci.Push, Repo: ci.Repo{ID: 1}, SHA: "a"},
		Attempt: 1,
		State:   ci.Queued,
		Created: time.Now(),
	}
	job := queued(s.stored)
	if err := db.CreateRun(t.Context(), permit(run.Event), 0, &run, ci.NewAttempt{Jobs: []ci.NewJob{job}}); err != nil {
		t.Fatal(err)
	}
	if s.stored.State == ci.Running {
		if err := db.MarkLaunched(t.Context(), job.Name, s.stored.UID); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func (c *cluster) check(t *testing.T, state ci.State, calls ...string) {
	t.Helper()
	job, err := c.db.Job(t.Context(), "yaci-r1-1")
	if err != nil {
		t.Fatal(err)
	}
	if job.State != state || !slices.Equal(c.calls, calls) {
		t.Errorf("state %s, calls %q\nwant  %s, calls %q", job.State, c.calls, state, calls)
	}
}

func TestReconcileWritesTheOutcome(t *testing.T) {
	w, c := watched(t, passed())
	for range 2 { // the second changes nothing
		if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
			t.Fatal(err)
		}
	}
	c.check(t, ci.Success, "drop while running", "release while success")
	due, _ := c.db.DueStatuses(t.Context(), 1)
	if len(due) != 1 || due[0].State != "success" {
		t.Errorf("statuses %+v", due)
	}
}

func TestReconcileDropsTheSecretOnceWhenCloned(t *testing.T) {
	s := passed()
	s.live(running("1-build"), running("2-test"))
	w, c := watched(t, s)
	for range 2 {
		if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
			t.Fatal(err)
		}
	}
	c.check(t, ci.Running, "drop while running")
}

// TestReconcileStopsAfterTheOutcomeIsWritten: the outcome is stored before the Job is deleted. Otherwise a crash in
// between would leave a job that somebody seems to have deleted.
func TestReconcileStopsAfterTheOutcomeIsWritten(t *testing.T) {
	s := passed()
	s.live(running("1-build"), waiting("2-test", "InvalidImageName", "x"))
	w, c := watched(t, s)
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Error, "drop while running", "stop while error", "release while error")
}

// TestReconcileRepeatsTheStop: a deletion that failed, or that a crash prevented, is repeated.
func TestReconcileRepeatsTheStop(t *testing.T) {
	s := passed()
	s.live(running("1-build"), waiting("2-test", "InvalidImageName", "x"))
	w, c := watched(t, s)
	seen := Observe(Observation{Stored: s.stored, Job: s.job, Pods: s.pods})
	if _, err := c.db.Observe(t.Context(), seen.Job); err != nil { // then the server crashes
		t.Fatal(err)
	}
	c.err = errors.New("unreachable")
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err == nil {
		t.Error("the error is lost")
	}
	c.err = nil
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Error(err)
	}
	c.check(t, ci.Error, "stop while error", "stop while error", "release while error")
}

// TestReconcileDoesNotEndWithASecretLeft: a job does not end while its Secret cannot be deleted, so that it is tried
// again.
func TestReconcileDoesNotEndWithASecretLeft(t *testing.T) {
	w, c := watched(t, passed())
	c.err = errors.New("unreachable")
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err == nil {
		t.Error("the error is lost")
	}
	c.check(t, ci.Running, "drop while running")
}

func TestReconcileLeavesOthersAlone(t *testing.T) {
	for name, change := range map[string]func(*scene){
		"not launched":           func(s *scene) { s.stored.State = ci.Queued },
		"made a moment ago":      func(s *scene) { s.job, s.pods = nil, nil },
		"the pod of another Job": func(s *scene) { s.pod().OwnerReferences[0].UID = "uid-2" },
		"a pod nobody controls":  func(s *scene) { s.pod().OwnerReferences = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			change(s)
			w, c := watched(t, s)
			if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
				t.Fatal(err)
			}
			c.check(t, s.stored.State)
		})
	}
	w, _ := watched(t, passed())
	if err := w.reconcile(t.Context(), "yaci-other-1"); err != nil {
		t.Errorf("a job of another database: %v", err)
	}
}

// TestReconcileAsksForAPodThatTheCacheLacks: the cache of pods may be behind that of Jobs, so the cluster is asked
// before a job ends because it has no pod.
func TestReconcileAsksForAPodThatTheCacheLacks(t *testing.T) {
	s := passed()
	s.condition("Complete", "", "")
	pods := s.pods
	s.pods = nil
	w, c := watched(t, s)
	client := w.cfg.Client.(*fake.Clientset)
	client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &corev1.PodList{Items: []corev1.Pod{*pods[0]}}, nil
	})
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Success, "drop while running", "release while success")
}

// long returns jobs as if they had been launched an hour ago.
type long struct{ *store.Store }

func (l long) JobWithSpec(ctx context.Context, name ci.JobName) (ci.JobWithSpec, error) {
	job, err := l.Store.JobWithSpec(ctx, name)
	job.Started = job.Started.Add(-time.Hour)
	return job, err
}

func TestReconcileEndsAJobThatIsGone(t *testing.T) {
	s := passed()
	s.job, s.pods = nil, nil
	w, c := watched(t, s)
	w.cfg.Jobs = long{c.db}
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Cancelled, "drop while running", "release while cancelled")
	due, _ := c.db.DueStatuses(t.Context(), 1)
	if len(due) != 1 || due[0].State != "error" || due[0].Description != "Cancelled: the Job was deleted outside YACI." {
		t.Errorf("statuses %+v", due)
	}
}

// TestReconcileEndsWhatWasCancelled: a job that was cancelled in the database is deleted in the cluster, and that is
// repeated until it is gone.
func TestReconcileEndsWhatWasCancelled(t *testing.T) {
	s := passed()
	s.live(running("1-build"), running("2-test"))
	w, c := watched(t, s)
	b := &logs{open: []string{"1-build"}}
	w.cfg.Logs = b
	ok, err := c.db.CancelRun(t.Context(), "r1", "Cancelled by the API.")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	c.err = errors.New("unreachable")
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err == nil {
		t.Error("the error is lost")
	}
	c.err = nil
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Cancelled, "drop while cancelled", "drop while cancelled", "stop while cancelled")
	s.job.DeletionTimestamp, s.job.Finalizers = &metav1.Time{Time: time.Now()}, []string{metav1.FinalizerDeleteDependents}
	b.open = nil
	if err := w.caches[1].factory.Batch().V1().Jobs().Informer().GetStore().Update(s.job); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
			t.Fatal(err)
		}
	}
	c.check(
		t,
		ci.Cancelled,
		"drop while cancelled",
		"drop while cancelled",
		"stop while cancelled",
		"release while cancelled",
	)
}

// TestReconcileRemovesAJobThatCameTooLate: a crash or a cancellation between the creation of a Job and its record
// leaves a Job that is removed.
func TestReconcileRemovesAJobThatCameTooLate(t *testing.T) {
	s := passed()
	s.stored.State = ci.Queued
	w, c := watched(t, s)
	ok, err := c.db.CancelRun(t.Context(), "r1", "Cancelled by the API.")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Cancelled, "drop while cancelled", "stop while cancelled", "release while cancelled")
}

// TestReconcileDoubtsADeletedPod: the Job controller deletes pods when the deadline is exceeded, and says so a moment
// later.
func TestReconcileDoubtsADeletedPod(t *testing.T) {
	s := passed()
	s.live(running("1-build"), running("2-test"))
	s.deleting()
	w, c := watched(t, s)
	for range 2 {
		if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
			t.Fatal(err)
		}
	}
	c.check(t, ci.Running)
	w.pending["yaci-r1-1"] = pendingVerdict{since: -startGrace, confirmAfter: startGrace}
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Queued, "drop while running")
	job, err := c.db.Job(t.Context(), "yaci-r1-1")
	if err != nil || len(job.Interruptions) != 1 || job.Interruptions[0].Reason != podDeleted || job.UID != "uid-1" {
		t.Errorf("job %+v, %v", job, err)
	}
}

// TestReconcileKeepsTheJobUntilItsLogsAreStored: a Job is kept until its logs are stored. A log that is stored is not
// followed again.
func TestReconcileKeepsTheJobUntilItsLogsAreStored(t *testing.T) {
	s := passed()
	for i := range s.pod().Status.ContainerStatuses {
		s.pod().Status.ContainerStatuses[i].State.Terminated.ContainerID = "x"
		s.pod().Status.ContainerStatuses[i].ContainerID = "x"
	}
	w, c := watched(t, s)
	b := &logs{open: []string{"2-test"}}
	w.cfg.Logs = b
	if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
		t.Fatal(err)
	}
	c.check(t, ci.Success, "drop while running")
	b.open = nil
	for range 2 {
		if err := w.reconcile(t.Context(), "yaci-r1-1"); err != nil {
			t.Fatal(err)
		}
	}
	c.check(t, ci.Success, "drop while running", "release while success")
	if want := []string{"uid-1/yaci-r1-1-x/2-test"}; !slices.Equal(
		slices.Compact(slices.Sorted(slices.Values(b.followed))),
		want,
	) {
		t.Errorf("followed %q", b.followed)
	}
}

// TestRun: Run follows the cluster to the outcome, and returns when its context ends.
func TestRun(t *testing.T) {
	s := passed()
	final := s.pod().DeepCopy()
	s.live(running("1-build"), running("2-test"))
	db := stored(t, s)
	client := fake.NewClientset(s.job, s.pod())
	ended := make(chan struct{})
	w, err := New(Config{
		Client:     client,
		Namespaces: []string{"builds"},
		Jobs:       db,
		Outcomes:   db,
		Logs:       &logs{},
		Cluster:    &cluster{db: db},
		Changed:    func() { close(ended) },
		Log:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- w.Run(ctx) }()
	if _, err := client.CoreV1().Pods("builds").UpdateStatus(ctx, final, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case err := <-stopped:
		t.Fatalf("Run returned %v before the job ended", err)
	case <-ctx.Done():
		t.Fatal("the job did not end")
	}
	job, err := db.Job(ctx, "yaci-r1-1")
	if err != nil || job.State != ci.Success {
		t.Errorf("job %+v, %v", job, err)
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// permit returns a permit of the gate for jobs of an event, whatever its action is.
func permit(ev ci.Event) decide.Permit {
	ev.PRAction = map[ci.Kind]string{ci.PullRequest: "opened", ci.MergeGroup: "checks_requested"}[ev.Kind]
	ev.Deleted, ev.SkipCI = false, false
	_, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksAlways})
	return p
}
