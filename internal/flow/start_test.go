package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
)

// commits is what GitHub knows: refs and ids, and the commit of each.
type commits map[string]ci.SHA

func (c commits) Resolve(_ context.Context, _ ci.Repo, ref string) (ci.SHA, string, error) {
	if sha, ok := c[ref]; ok {
		return sha, "Fix [skip ci]", nil
	}
	return "", "", fmt.Errorf("commit %q: %w", ref, ci.ErrNotFound)
}

// startWorld has main at its head, and an older commit.
func startWorld(t *testing.T) (w *world, head, old ci.SHA, start func(ref, branch string) (ci.Run, error)) {
	w = newWorld(t)
	head, old = ci.SHA(strings.Repeat("1", 40)), ci.SHA(strings.Repeat("2", 40))
	w.forge.Refs = commits{"heads/main": head, string(head): head, string(head[:7]): head, string(old): old}
	repo := push("main").Repo
	repo.DefaultBranch = "main"
	return w, head, old, func(ref, branch string) (ci.Run, error) {
		return w.flow.Start(t.Context(), repo, ref, branch, "api token x")
	}
}

// A branch, its head by id, or by seven digits, is one meaning: a push to it.
func TestStart(t *testing.T) {
	for name, ref := range map[string]string{"branch": "main", "id": strings.Repeat("1", 40), "digits": "1111111"} {
		t.Run(name, func(t *testing.T) {
			w, head, _, start := startWorld(t)
			run, err := start(ref, "")
			w.must(err)
			ev := run.Event
			if run.State != ci.Queued || run.Number != 1 || ev.Kind != ci.Push || ev.Ref != "refs/heads/main" ||
				ev.SHA != head ||
				!ev.Requested ||
				ev.NotHead ||
				ev.Actor.Login != "api token x" ||
				len(w.queued()) != 1 {
				t.Fatalf("%+v", run)
			}
			again, err := start("main", "")
			if !errors.Is(err, flow.ErrNotFinished) || again.ID != run.ID {
				t.Errorf("while it waits: run %s, %v", again.ID, err)
			}
			if !strings.Contains(err.Error(), "run #1 of 1111111 (main)") {
				t.Errorf("while it waits: %v", err)
			}
			w.end(run, ci.Success)
			again, err = start(ref, "")
			if err != nil || again.ID != run.ID || again.Attempt != 2 || again.State != ci.Queued {
				t.Errorf("when it has ended: %+v, %v", again, err)
			}
			late := push("main")
			late.SHA = head
			w.arrive("late", late)
			list, err := w.db.RunsOfCommit(t.Context(), ev.Repo.ID, head)
			if err != nil || len(list) != 1 {
				t.Errorf("its webhook made another: %v, %v", list, err)
			}
		})
	}
}

// What cannot be started is refused in a sentence, and leaves nothing.
func TestStartRefused(t *testing.T) {
	stranger := strings.Repeat("3", 40)
	for name, c := range map[string]struct {
		ref, branch, relation string
		file                  error
		want                  error
		says                  string
	}{
		"unknown branch":             {"topic", "", "", nil, ci.ErrNotFound, `GitHub knows no branch or commit "topic" of ada/hello; was it pushed?`},
		"unknown commit":             {strings.Repeat("9", 40), "", "", nil, ci.ErrNotFound, "GitHub knows no commit 9999"},
		"of an unknown branch":       {strings.Repeat("2", 40), "gone", "", nil, ci.ErrNotFound, `GitHub knows no branch "gone"`},
		"of a fork, ahead of main":   {stranger, "", "ahead", nil, ci.ErrInvalid, "3333333 is not on branch main"},
		"of a fork, which went off":  {stranger, "main", "diverged", nil, ci.ErrInvalid, "3333333 is not on branch main"},
		"of a fork, without history": {stranger, "", "", nil, ci.ErrInvalid, "3333333 is not on branch main"},
		"no file":                    {"main", "", "", ci.ErrNotFound, ci.ErrInvalid, "ada/hello has no .yaci.yml at 1111111"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, _, start := startWorld(t)
			w.forge.Refs.(commits)[stranger] = ci.SHA(stranger)
			w.gh.relation, w.gh.err = c.relation, c.file
			_, err := start(c.ref, c.branch)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			list, err := w.db.Runs(t.Context(), ci.RunFilter{Visibility: ci.Visibility{All: true}, Limit: 10})
			if err != nil || len(list) != 0 {
				t.Errorf("stored %+v, %v", list, err)
			}
		})
	}
}

// A commit of a branch's history runs, ends nothing that is newer, gets no secret,
// and is not ended for being older.
func TestStartOfHistory(t *testing.T) {
	w, _, old, start := startWorld(t)
	w.gh.file, w.gh.relation = "cancel_superseded: true\n"+goodFile, "behind"
	newer, err := start("main", "")
	w.must(err)
	run, err := start(string(old), "main")
	w.must(err)
	if !run.Event.NotHead || run.State != ci.Queued || len(w.queued()) != 2 {
		t.Errorf("%+v, %d wait", run, len(w.queued()))
	}
	newer, err = w.db.Run(t.Context(), newer.ID)
	if err != nil || newer.State != ci.Queued {
		t.Errorf("the newer one: %+v, %v", newer, err)
	}
	w.end(run, ci.Failure)
	again, err := start(string(old), "")
	if err != nil || again.Attempt != 2 || !again.Event.NotHead {
		t.Errorf("again: %+v, %v", again, err)
	}
	w.grants = grants{{ID: "s", Name: "KEY", Repositories: []string{"ada/hello"}}}
	w.gh.file = "image: a\nsteps: [{run: x, secrets: [KEY]}]\n"
	older := ci.SHA(strings.Repeat("4", 40))
	w.forge.Refs.(commits)[string(older)] = older
	run, err = start(string(older), "")
	if err != nil || run.State != ci.Error || !strings.Contains(run.Message, "secret KEY is not granted") {
		t.Errorf("with a secret: %+v, %v", run, err)
	}
}

// S19: whether a commit that is asked for gets secrets is decided for each attempt, by what is the head then.
func TestS19SecretsOfAnOldCommit(t *testing.T) {
	w, head, _, start := startWorld(t)
	w.grants = grants{{ID: "s", Name: "KEY", Repositories: []string{"ada/hello"}}}
	w.gh.file = "image: a\nsteps: [{run: x, secrets: [KEY]}]\n"
	pushed := push("main")
	pushed.SHA, pushed.Repo.DefaultBranch = head, "main"
	w.arrive("push", pushed)
	run := w.runOf(pushed)
	w.end(run, ci.Failure)
	check := func(what string, run ci.Run, err error, secret bool) {
		t.Helper()
		if err != nil || (run.State == ci.Queued) != secret ||
			!secret && !strings.Contains(run.Message, "secret KEY is not granted") {
			t.Errorf("%s: %s %q, %v", what, run.State, run.Message, err)
		}
		if run.State == ci.Queued {
			w.end(run, ci.Failure)
		}
	}
	run, err := start(string(head), "")
	check("asked for while it is the head", run, err, true)
	moved := ci.SHA(strings.Repeat("5", 40))
	w.forge.Refs.(commits)["heads/main"] = moved
	run, err = start(string(head), "")
	check("asked for when it is not the head any more", run, err, false)
	run, err = w.flow.Retry(t.Context(), run.ID, false, "api token x")
	check("the push's run is retried", run, err, true)
	delete(w.forge.Refs.(commits), "heads/main")
	run, err = start(string(head), "main")
	check("asked for when the branch is gone", run, err, false)

	// A run that was asked for first.
	w.forge.Refs.(commits)["heads/main"], w.forge.Refs.(commits)[string(moved)] = moved, moved
	run, err = start("main", "")
	check("a new head", run, err, true)
	w.forge.Refs.(commits)["heads/main"] = head
	run, err = w.flow.Retry(t.Context(), run.ID, false, "api token x")
	check("retried when it is not the head any more", run, err, false)
}
