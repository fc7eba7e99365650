package flow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

type grants []ci.Grant

func (g grants) Grants(context.Context) ([]ci.Grant, error) { return g, nil }

const withSecret = "image: alpine\nsteps:\n  - run: deploy\n    secrets: [KEY]\n"

func TestSecretIsReferredTo(t *testing.T) {
	w := newWorld(t)
	w.gh.file, w.flow.Secrets = withSecret, grants{
		{ID: "secret-key-0", Name: "KEY", Repositories: []string{"ada/other"}},
		{ID: "secret-key-1", Name: "KEY", Repositories: []string{"ada/hello"}},
	}
	ev := push("main")
	ev.Repo.DefaultBranch = "main"
	w.arrive("g", ev)
	jobs := w.queued()
	if len(jobs) != 1 || !strings.Contains(string(jobs[0].Manifest), `"secretKeyRef":{"name":"secret-key-1","key":"value"}`) {
		t.Errorf("run %+v, %d jobs", w.runOf(ev), len(jobs))
	}
	other := push("other")
	other.Repo.DefaultBranch = "main"
	w.arrive("h", other)
	if run := w.runOf(other); run.State != ci.Error || !strings.Contains(run.Message, "secret KEY is not granted") {
		t.Errorf("run %+v", run)
	}
}

// No approval and no policy gives a fork a secret [CVE-2026-22555].
func TestForkGetsNoSecret(t *testing.T) {
	w := newWorld(t)
	w.gh.file, w.flow.Forks = withSecret, decide.ForksAlways
	w.flow.Secrets = grants{{ID: "secret-key-1", Name: "KEY", Repositories: []string{"ada/*"}, Events: []string{"pull_request"}, Branches: []string{"*"}}}
	w.arrive("g", forkAt("opened", "a"))
	if run := w.runOf(forkAt("opened", "a")); run.State != ci.Error || len(w.queued()) != 0 {
		t.Errorf("run %+v, jobs %v", run, w.queued())
	}
}
