package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/queue"
)

// world implements all dependencies of a queue. Jobs keep their order.
type world struct {
	jobs     []ci.JobWithSpec
	repo     ci.Repo
	tokenErr map[ci.JobName]error // by the job that is launched
	launch   map[ci.JobName]error
	launched []ci.JobName // each call
	tokens   []string
	readable [][]string
	fork     bool // of all runs
	writeErr error
	mu       sync.Mutex
	saved    []string // wait reasons
	waits    map[ci.JobName]string
	underway int
	blocked  []ci.Obstacle
	started  time.Time     // of all running jobs
	slow     time.Duration // duration of reading
	renewals []ci.JobName

	launching func() // called in each launch
}

func newWorld(queued ...ci.JobName) *world {
	w := &world{
		repo:     ci.Repo{ID: 1, Owner: "ada", Name: "hello"},
		tokenErr: map[ci.JobName]error{},
		launch:   map[ci.JobName]error{},
		waits:    map[ci.JobName]string{},
		started:  time.Now(),
	}
	for _, name := range queued {
		w.jobs = append(w.jobs, ci.JobWithSpec{Job: ci.Job{Name: name, Run: ci.RunID(name), State: ci.Queued}})
	}
	return w
}

func (w *world) in(state ci.State, limit int) (found []ci.JobWithSpec) {
	for _, j := range w.jobs {
		if j.State == state && len(found) < limit {
			found = append(found, j)
		}
	}
	return found
}

func (w *world) running() (names []ci.JobName) {
	for _, j := range w.in(ci.Running, 100) {
		names = append(names, j.Name)
	}
	return names
}

func (w *world) job(name ci.JobName) *ci.JobWithSpec {
	return &w.jobs[slices.IndexFunc(w.jobs, func(j ci.JobWithSpec) bool { return j.Name == name })]
}

func (w *world) UnfinishedJobs(context.Context) (list []ci.QueuedJob, err error) {
	time.Sleep(w.slow)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, j := range w.jobs {
		if j.State == ci.Queued || j.State == ci.Running {
			list = append(list, ci.QueuedJob{
				Job:     j.Name,
				Run:     j.Run,
				State:   j.State,
				Ready:   true,
				Repo:    w.repo.ID,
				Created: time.UnixMilli(int64(i)),
				Started: w.started,
				WaitKey: w.waits[j.Name],
			})
		}
	}
	return list, nil
}

// TestFullQuota: nothing is launched while the quota has no room for a launched job, and the others say why they wait.
func TestFullQuota(t *testing.T) {
	w := newWorld("a", "b")
	w.jobs[0].State, w.waits["a"] = ci.Running, ci.QuotaWait([]ci.Resource{ci.ResourcePods})
	q := w.queue(10)
	for range 2 {
		if err := q.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.launched) > 0 || len(w.saved) != 1 ||
		!strings.HasPrefix(w.saved[0], "b: Waiting: 1st in line, the cluster is full: the quota of the namespace is "+
			"used up") {
		t.Errorf("launched %v, saved %q", w.launched, w.saved)
	}
	w.waits["a"] = ""
	err := q.Pass(t.Context())
	if err != nil || len(w.launched) != 1 {
		t.Errorf("with room again: launched %v, %v", w.launched, err)
	}
}

func (w *world) RecentUsage(context.Context, time.Time, int) ([]ci.Usage, error) { return nil, nil }

func (w *world) SaveWaitReasons(_ context.Context, places []ci.QueuePosition) error {
	for _, p := range places {
		w.saved = append(w.saved, string(p.Job)+": "+p.Message)
		w.waits[p.Job] = p.WaitKey
	}
	return nil
}

func (w *world) Unplaced([]ci.JobName) (int, []ci.Obstacle) { return w.underway, w.blocked }

func (w *world) JobWithSpec(_ context.Context, name ci.JobName) (ci.JobWithSpec, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.job(name), nil
}

func (w *world) MarkLaunched(ctx context.Context, name ci.JobName, uid string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if w.writeErr != nil {
		return w.writeErr
	}
	w.job(name).State, w.job(name).UID = ci.Running, uid
	return nil
}

// Run gives each run an installation of its own, so that CloneToken knows the job.
func (w *world) Run(_ context.Context, id ci.RunID) (ci.Run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	repo := w.repo
	if repo.ID != 0 {
		repo.Installation = int64(slices.IndexFunc(w.jobs, func(j ci.JobWithSpec) bool { return j.Run == id }))
	}
	return ci.Run{ID: id, Event: ci.Event{Repo: repo, Fork: w.fork}}, nil
}

func (w *world) Observe(_ context.Context, job ci.Job) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.job(job.Name).Job = job
	return true, w.writeErr
}

func (w *world) CloneToken(_ context.Context, repo ci.Repo, others []ci.Repo) (ci.CloneAccess, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	access := ci.CloneAccess{Token: "ghs_x"}
	for _, other := range others {
		access.Repositories = append(access.Repositories, other.FullName())
	}
	return access, w.tokenErr[w.jobs[repo.Installation].Name]
}

func (w *world) Launch(ctx context.Context, launch ci.Launch) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.launching != nil {
		w.launching()
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	w.launched, w.tokens = append(w.launched, launch.Name), append(w.tokens, launch.Access.Token)
	w.readable = append(w.readable, launch.Access.Repositories)
	slices.Sort(w.launched) // several are launched at once
	return "uid-" + string(launch.Name), w.launch[launch.Name]
}

func (w *world) Renew(_ context.Context, launch ci.Launch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.renewals = append(w.renewals, launch.Name)
	return w.writeErr
}

func (w *world) config(maxRunning int) queue.Config {
	return queue.Config{
		ReaderConfig: queue.ReaderConfig{
			Jobs:    w,
			Cluster: w,
			Limits:  queue.Limits{Total: maxRunning},
		},
		Runs:     w,
		Outcomes: w,
		Tokens:   w,
		Launcher: w,
		Renewer:  w,
		Log:      slog.New(slog.DiscardHandler),
	}
}

func (w *world) queue(maxRunning int) *queue.Queue { return newQueue(w.config(maxRunning)) }

func newQueue(cfg queue.Config) *queue.Queue {
	q, err := queue.New(cfg)
	if err != nil {
		panic(err)
	}
	return q
}

func TestNewRefusesMissingDependencies(t *testing.T) {
	w := newWorld()
	for name, change := range map[string]func(*queue.Config){
		"Jobs":     func(c *queue.Config) { c.Jobs = nil },
		"Launcher": func(c *queue.Config) { c.Launcher = nil },
		"Log":      func(c *queue.Config) { c.Log = nil },
	} {
		cfg := w.config(1)
		change(&cfg)
		if _, err := queue.New(cfg); err == nil {
			t.Errorf("no error without %s", name)
		}
	}
}

func same(t *testing.T, what string, got []ci.JobName, want ...ci.JobName) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s %q, want %q", what, got, want)
	}
}

func TestOldestFirstUpToTheMaximum(t *testing.T) {
	w := newWorld("a", "b", "c", "d")
	q := w.queue(2)
	for range 2 {
		if err := q.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "running", w.running(), "a", "b")
	same(t, "launched", w.launched, "a", "b")
	if w.job("a").UID != "uid-a" || w.tokens[0] != "ghs_x" {
		t.Errorf("job %+v, tokens %q", w.job("a"), w.tokens)
	}
	w.job("a").State = ci.Success
	if err := q.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "running", w.running(), "b", "c")
}

func TestACommandNeedsNoToken(t *testing.T) {
	w := newWorld("a")
	w.repo, w.tokenErr["a"] = ci.Repo{}, errors.New("there is no GitHub")
	err := w.queue(1).Pass(t.Context())
	if err != nil || len(w.tokens) != 1 || w.tokens[0] != "" {
		t.Errorf("err %v, tokens %q", err, w.tokens)
	}
}

// TestPermanentErrors: a job that can never be launched ends with a message, and the next one takes its slot at once.
func TestPermanentErrors(t *testing.T) {
	for name, c := range map[string]struct {
		token, launch error
		want          string
	}{
		"refused": {
			nil,
			fmt.Errorf("create job: %w: spec is invalid", ci.ErrRefused),
			"The cluster does not accept the job: create job: refused by the cluster: spec is invalid",
		},
		"no access": {
			fmt.Errorf("clone token: %w", ci.ErrNotFound),
			nil,
			"GitHub does not let YACI read ada/hello. Install the GitHub App on it, then retry the run.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld("a", "b")
			w.tokenErr["a"], w.launch["a"] = c.token, c.launch
			q := w.queue(1)
			for range 2 {
				if err := q.Pass(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			a := w.job("a")
			if a.State != ci.Error || a.Message != c.want {
				t.Errorf("job %+v, want %q", a, c.want)
			}
			same(t, "running", w.running(), "b")
		})
	}
}

// TestFailedLaunchBacksOff: a job whose launch fails does not delay others, and is retried.
func TestFailedLaunchBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("bad", "a", "b")
		w.tokenErr["bad"] = errors.New("github: 502")
		q := w.queue(1)
		err := q.Pass(t.Context())
		if err == nil || !strings.Contains(err.Error(), "launch bad: github: 502") {
			t.Errorf("err %v", err)
		}
		if err := q.Pass(t.Context()); err != nil {
			t.Errorf("it was tried again at once: %v", err)
		}
		same(t, "running", w.running(), "a")
		w.job("a").State = ci.Success
		w.tokenErr["bad"] = nil
		time.Sleep(time.Second)
		if err := q.Pass(t.Context()); err != nil {
			t.Error(err)
		}
		same(t, "running", w.running(), "bad")
	})
}

func TestBackoffGrowsToFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("bad")
		w.launch["bad"] = errors.New("connection refused")
		q := w.queue(1)
		var tries []time.Duration
		for start := time.Now(); time.Since(start) < 30*time.Minute; time.Sleep(time.Second) {
			if q.Pass(t.Context()) != nil {
				tries = append(tries, time.Since(start))
			}
		}
		want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111, 1411, 1711}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(tries, want) {
			t.Errorf("tried at %v, want %v", tries, want)
		}
	})
}

// TestPassIdles: a queue that is woken all the time reads the database 20 % of the time.
func TestPassIdles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.slow = 100 * time.Millisecond
		q := w.queue(1)
		start := time.Now()
		for range 20 {
			if err := q.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 9600*time.Millisecond {
			t.Errorf("20 passes took %v, want one each half second", took)
		}
		time.Sleep(time.Second)
		start = time.Now()
		if q.Pass(t.Context()) != nil || time.Since(start) != w.slow {
			t.Errorf("after a silence a pass took %v", time.Since(start))
		}
	})
}

// TestLaunchNotRecorded: if a launch could not be recorded, it is repeated, which finds the Job.
func TestLaunchNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("a", "b")
		w.writeErr = errors.New("disk full")
		q := w.queue(1)
		if err := q.Pass(t.Context()); !errors.Is(err, w.writeErr) {
			t.Errorf("err %v", err)
		}
		same(t, "launched", w.launched, "a") // b would be one too many
		w.writeErr = nil
		time.Sleep(time.Second)
		if err := q.Pass(t.Context()); err != nil {
			t.Error(err)
		}
		same(t, "launched", w.launched, "a", "a")
		same(t, "running", w.running(), "a")
	})
}

// TestFullCluster: while the cluster finds no node for a launched job, no other of its size is launched, and the
// reasons are saved once.
func TestFullCluster(t *testing.T) {
	w := newWorld("x", "a", "b")
	w.jobs[0].State = ci.Running
	w.blocked = []ci.Obstacle{{Job: "x", Lacks: []ci.Resource{ci.ResourceCPU}, Why: "no node has enough free CPU"}}
	q := w.queue(5)
	for range 2 {
		if err := q.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "launched", w.launched)
	want := []string{"a: Waiting: 1st in line, the cluster is full: no node has enough free CPU.",
		"b: Waiting: 2nd in line, the cluster is full: no node has enough free CPU."}
	if !slices.Equal(w.saved, want) {
		t.Errorf("saved %q", w.saved)
	}
	w.blocked, w.underway = nil, 24 // of 25
	if err := q.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "launched", w.launched, "a")
	line, err := q.Positions(t.Context())
	if err != nil || len(line) != 1 || line[0].Job != "b" || line[0].Reason != ci.WaitTurn {
		t.Errorf("line %+v, %v", line, err)
	}
}

// TestKueue: with Kueue, the queue ignores the limits and the cluster's room.
func TestKueue(t *testing.T) {
	w := newWorld("a", "b", "c")
	w.blocked, w.underway = []ci.Obstacle{{Job: "a", Lacks: []ci.Resource{ci.ResourceCPU}, Why: "no node"}}, 99
	cfg := w.config(1)
	cfg.UseKueue = true
	q := newQueue(cfg)
	if err := q.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "launched", w.launched, "a", "b", "c")
}

// ReadableBy lets each repository read another one.
func (w *world) ReadableBy(context.Context, int64) ([]ci.Repo, error) {
	return []ci.Repo{{ID: 31, Owner: "acme", Name: "schemas"}}, nil
}

// TestC7OtherRepositories: the token of a job reads what other repositories allow; that of a fork does not.
func TestC7OtherRepositories(t *testing.T) {
	for fork, want := range map[bool]int{false: 1, true: 0} {
		w := newWorld("a")
		w.fork = fork
		cfg := w.config(1)
		cfg.Access = w
		q := newQueue(cfg)
		err := q.Pass(t.Context())
		if err != nil || len(w.readable) != 1 || len(w.readable[0]) != want {
			t.Errorf("fork %v: %v, readable %q", fork, err, w.readable)
		}
	}
}

// TestT1NoLaunchBeginsAfterShutdown: when the server shuts down, the current launches are finished and recorded, and no
// other one begins.
func TestT1NoLaunchBeginsAfterShutdown(t *testing.T) {
	var names []ci.JobName
	for n := range 50 {
		names = append(names, ci.JobName(fmt.Sprintf("j%02d", n)))
	}
	w := newWorld(names...)
	ctx, cancel := context.WithCancel(t.Context())
	w.launching = cancel // SIGTERM comes between the decision to launch and the creation of the first Job
	err := w.queue(100).Pass(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(w.launched) == 0 || len(w.launched) > 8 {
		t.Errorf("launched %d, want those that had begun", len(w.launched))
	}
	for _, name := range w.launched {
		if w.job(name).State != ci.Running {
			t.Errorf("%s was created in the cluster, and that is not recorded", name)
		}
	}
}
