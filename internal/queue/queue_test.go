package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/queue"
)

// world is database, GitHub and cluster in one. Jobs keep their order.
type world struct {
	jobs     []ci.Job
	repo     ci.Repo
	tokenErr map[ci.JobName]error // by the job whose turn it is
	launch   map[ci.JobName]error
	launched []ci.JobName // each call
	tokens   []string
	writeErr error
	turn     ci.JobName
}

func newWorld(queued ...ci.JobName) *world {
	w := &world{repo: ci.Repo{ID: 1, Owner: "ada", Name: "hello"}, tokenErr: map[ci.JobName]error{}, launch: map[ci.JobName]error{}}
	for _, name := range queued {
		w.jobs = append(w.jobs, ci.Job{Name: name, Run: ci.RunID(name), State: ci.Queued})
	}
	return w
}

func (w *world) in(state ci.State, limit int) (found []ci.Job) {
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

func (w *world) job(name ci.JobName) *ci.Job {
	return &w.jobs[slices.IndexFunc(w.jobs, func(j ci.Job) bool { return j.Name == name })]
}

func (w *world) QueuedJobs(_ context.Context, limit int) ([]ci.Job, error) {
	return w.in(ci.Queued, limit), nil
}

func (w *world) RunningJobs(context.Context) ([]ci.Job, error) { return w.in(ci.Running, 1000), nil }

func (w *world) Launched(_ context.Context, name ci.JobName, uid string) error {
	if w.writeErr != nil {
		return w.writeErr
	}
	w.job(name).State, w.job(name).UID = ci.Running, uid
	return nil
}

func (w *world) Run(_ context.Context, id ci.RunID) (ci.Run, error) {
	w.turn = ci.JobName(id)
	return ci.Run{ID: id, Event: ci.Event{Repo: w.repo}}, nil
}

func (w *world) Observe(_ context.Context, job ci.Job) (bool, error) {
	*w.job(job.Name) = job
	return true, w.writeErr
}

func (w *world) CloneToken(context.Context, ci.Repo) (string, error) {
	return "ghs_x", w.tokenErr[w.turn]
}

func (w *world) Launch(_ context.Context, job ci.Job, token string) (string, error) {
	w.launched, w.tokens = append(w.launched, job.Name), append(w.tokens, token)
	return "uid-" + string(job.Name), w.launch[job.Name]
}

func (w *world) queue(maxRunning int) *queue.Queue {
	return &queue.Queue{Jobs: w, Runs: w, Tokens: w, Launcher: w, MaxRunning: maxRunning, Log: slog.New(slog.DiscardHandler)}
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
	if err := w.queue(1).Pass(t.Context()); err != nil || len(w.tokens) != 1 || w.tokens[0] != "" {
		t.Errorf("err %v, tokens %q", err, w.tokens)
	}
}

// What can never be launched ends with a sentence, and the next has its place at once.
func TestHopelessJobsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		token, launch error
		want          string
	}{
		"refused":   {nil, fmt.Errorf("create job: %w: spec is invalid", ci.ErrRefused), "The cluster does not take the job: create job: refused by the cluster: spec is invalid"},
		"no access": {fmt.Errorf("clone token: %w", ci.ErrNotFound), nil, "GitHub does not let YACI read ada/hello: install the GitHub App on it, then retry."},
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
			if a := w.job("a"); a.State != ci.Error || a.Message != c.want {
				t.Errorf("job %+v, want %q", a, c.want)
			}
			same(t, "running", w.running(), "b")
		})
	}
}

// A job that cannot be launched now does not keep others waiting, is tried again, and ever less often.
func TestOthersPassAJobThatCannotBeLaunched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("bad", "a", "b")
		w.tokenErr["bad"] = errors.New("github: 502")
		q := w.queue(1)
		if err := q.Pass(t.Context()); err == nil || !strings.Contains(err.Error(), "launch bad: github: 502") {
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

func TestPausesGrowToFiveMinutes(t *testing.T) {
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

// The Job exists and the database does not know: the same launch again, which finds it.
func TestLaunchedButNotWrittenDown(t *testing.T) {
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
