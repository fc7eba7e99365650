package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

// ended makes a run of a commit of its own that has ended, with a log.
func ended(t *testing.T, s *store.Store, id ci.RunID, ref string, at time.Time) {
	t.Helper()
	ctx := t.Context()
	run, jobs := pushRun(id, ref)
	run.Event.SHA = ci.SHA(id)
	jobs[0].Group, jobs[0].Needs = "g", []ci.JobName{"other"}
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	must(t, s.MarkLaunched(ctx, jobs[0].Name, "uid-"+string(id)))
	job, err := s.Job(ctx, jobs[0].Name)
	must(t, err)
	job.State, job.Finished = ci.Success, at
	_, err = s.Observe(ctx, job)
	must(t, err)
	must(t, s.AddLogChunk(ctx, ci.LogID{UID: job.UID, Container: "1-test"}, job.Name, ci.LogChunk{}))
}

func TestOldRuns(t *testing.T) { both(t, oldRuns) }

func oldRuns(t *testing.T, s *store.Store) {
	ctx, now := t.Context(), time.Now()
	ended(t, s, "r1", "refs/heads/quiet", now.AddDate(0, 0, -100)) // the newest of its branch
	ended(t, s, "r2", "refs/heads/main", now.AddDate(0, 0, -99))
	ended(t, s, "r3", "refs/heads/main", now.AddDate(0, 0, -98)) // not settled
	ended(t, s, "r4", "refs/heads/main", now)
	for _, id := range []ci.RunID{"r1", "r2", "r4"} {
		must(t, s.MarkCleanedUp(ctx, ci.JobNameOf(id, 1)))
	}
	want := func(before time.Time, newest int64, want ...ci.RunID) {
		t.Helper()
		old, err := s.OldRuns(ctx, before, newest, 10)
		must(t, err)
		if !slices.Equal(old, want) {
			t.Errorf("old: %q, want %q", old, want)
		}
	}
	want(now.AddDate(0, 0, -90), 0, "r2")
	must(t, s.MarkCleanedUp(ctx, "yaci-r3-1"))
	want(now.AddDate(0, 0, -90), 0, "r2", "r3")
	want(time.Time{}, 0)
	want(time.Time{}, 2, "r2")
	want(time.Time{}, 1, "r2", "r3")
}

func TestDropRun(t *testing.T) { both(t, dropRun) }

// Nothing that points to a run is left of it, and nothing of another is taken.
func dropRun(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ended(t, s, "r1", "refs/heads/main", time.Now())
	ended(t, s, "r2", "refs/heads/main", time.Now())
	for _, st := range mustDue(t, s) {
		must(t, s.StatusSent(ctx, st, time.Minute))
	}
	before, err := s.Counts(ctx)
	must(t, err)
	ids, err := s.RunLogs(ctx, "r1")
	must(t, err)
	if want := []ci.LogID{{UID: "uid-r1", Container: "1-test"}}; !slices.Equal(ids, want) {
		t.Errorf("logs %v", ids)
	}
	must(t, s.DeleteRun(ctx, "r1"))
	after, err := s.Counts(ctx)
	must(t, err)
	for _, table := range []string{"runs", "jobs", "job_needs", "statuses", "logs", "log_chunks"} {
		if before[table] != 2 || after[table] != 1 {
			t.Errorf("%s: %d rows, then %d; want 2, then 1", table, before[table], after[table])
		}
	}
	if _, err := s.Run(ctx, "r2"); err != nil {
		t.Error(err)
	}
}

func mustDue(t *testing.T, s *store.Store) []ci.Status {
	t.Helper()
	due, err := s.DueStatuses(t.Context(), 100)
	must(t, err)
	return due
}

// A table that refers to runs or jobs must be emptied by DeleteRun, or it fails.
func TestDropRunKnowsAllTables(t *testing.T) {
	s := open(t, t.TempDir()+"/yaci.db")
	tables, err := s.Referring(t.Context())
	must(t, err)
	for _, table := range tables {
		if !strings.Contains(fmt.Sprint(store.DeleteRunStatements()), "DELETE FROM "+table+" ") {
			t.Errorf("DeleteRun does not delete from %s: add it to deleteRun in prune.go", table)
		}
	}
	if len(tables) < 2 {
		t.Errorf("tables %q", tables)
	}
}

func TestDropDeliveries(t *testing.T) { both(t, dropDeliveries) }

func dropDeliveries(t *testing.T, s *store.Store) {
	ctx := t.Context()
	must(t, s.AddDelivery(ctx, ci.NewDelivery{
		HookID: 1,
		GUID:   "a",
		Name:   "push",
		Body:   []byte("{}"),
	}))
	must(t, s.AddDelivery(ctx, ci.NewDelivery{
		HookID:  1,
		GUID:    "b",
		Name:    "star",
		Body:    []byte("{}"),
		Ignored: "Ignored.",
	}))
	for _, c := range []struct {
		before time.Time
		want   int64
	}{{time.Now().Add(-time.Hour), 0}, {time.Now().Add(time.Hour), 1}, {time.Now().Add(time.Hour), 0}} {
		n, err := s.DeleteDeliveries(ctx, c.before)
		if err != nil || n != c.want {
			t.Errorf("dropped %d, %v; want %d", n, err, c.want)
		}
	}
}
