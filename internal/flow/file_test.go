package flow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
)

type grants []ci.Grant

func (g grants) Grants(context.Context) ([]ci.Grant, error) { return g, nil }

const withSecret = "image: alpine\nsteps:\n  - run: deploy\n    secrets: [KEY]\n"

func TestSecretIsReferredTo(t *testing.T) {
	w := newWorld(t)
	w.gh.file, w.grants = withSecret, grants{
		{ID: "secret-key-0", Name: "KEY", Repositories: []string{"ada/other"}},
		{ID: "secret-key-1", Name: "KEY", Repositories: []string{"ada/hello"}},
	}
	ev := push("main")
	ev.Repo.DefaultBranch = "main"
	w.arrive("g", ev)
	jobs := w.queued()
	if len(jobs) != 1 ||
		!strings.Contains(string(jobs[0].Manifest), `"secretKeyRef":{"name":"secret-key-1","key":"value"}`) {
		t.Errorf("run %+v, %d jobs", w.runOf(ev), len(jobs))
	}
	other := push("other")
	other.Repo.DefaultBranch = "main"
	w.arrive("h", other)
	run := w.runOf(other)
	if run.State != ci.Error || !strings.Contains(run.Message, "secret KEY is not granted") {
		t.Errorf("run %+v", run)
	}
}

// No approval and no policy gives a fork a secret [CVE-2026-22555].
func TestForkGetsNoSecret(t *testing.T) {
	w := newWorld(t)
	w.gh.file = withSecret
	w.configure(func(c *flow.Config) { c.Forks = decide.ForksAlways })
	w.grants = grants{{
		ID:           "secret-key-1",
		Name:         "KEY",
		Repositories: []string{"ada/*"},
		Events:       []string{"pull_request"},
		Branches:     []string{"*"},
	}}
	w.arrive("g", forkAt("opened", "a"))
	run := w.runOf(forkAt("opened", "a"))
	if run.State != ci.Error || len(w.queued()) != 0 {
		t.Errorf("run %+v, jobs %v", run, w.queued())
	}
}

// S12: another repository takes a name that a secret is granted to. It gets a sentence; the first one goes on.
func TestS12NameIsTaken(t *testing.T) {
	w := newWorld(t)
	w.gh.file = withSecret
	w.grants = grants{{ID: "secret-key-1", UID: "u1", Name: "KEY", Repositories: []string{"ada/hello"}}}
	run := func(id int64, name, digit string) ci.Run {
		ev := push("main")
		ev.Repo.ID = id
		ev.Repo.Name = name
		ev.Repo.DefaultBranch = "main"
		ev.SHA = shaOf(digit)
		w.arrive(digit, ev)
		return w.runOf(ev)
	}
	if r := run(1, "hello", "1"); r.State != ci.Queued {
		t.Fatalf("%s %q", r.State, r.Message)
	}
	if r := run(1, "world", "2"); r.State != ci.Queued {
		t.Errorf("renamed: %s %q", r.State, r.Message)
	}
	r := run(666, "hello", "3")
	if r.State != ci.Error ||
		!strings.Contains(
			r.Message,
			"secret KEY was granted to ada/hello when that was the repository with the id 1; it has the id 666 now",
		) {
		t.Errorf("taken: %s %q", r.State, r.Message)
	}
	w.grants = grants{{ID: "secret-key-1", UID: "u1", Name: "KEY", Repositories: []string{"ada/hello#666"}}}
	if r := run(666, "hello", "4"); r.State != ci.Queued {
		t.Errorf("confirmed by the operator: %s %q", r.State, r.Message)
	}
}
