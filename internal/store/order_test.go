package store_test

import (
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestJobsKeepTheOrderOfTheFile(t *testing.T) { both(t, jobOrder) }

// Jobs that are created at the same moment, with names that sort otherwise, are in the order of the file wherever they
// are listed. Those of a server before the migration 100, which left ordinal 0, are in the order of created.
func jobOrder(t *testing.T, s *store.Store) {
	ctx := t.Context()
	now := at(0)
	s.SetNow(func() time.Time { return now })
	run, jobs := matrix("rorder0000", 12)
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	var want []ci.JobName
	for _, j := range jobs {
		want = append(want, j.Name)
	}
	orders := func(what string) {
		t.Helper()
		listed, err := s.RunJobs(ctx, run.ID)
		must(t, err)
		same(t, what+": jobs of the run", want, names(listed))
		listed, err = s.AttemptJobs(ctx, run.ID, 1)
		must(t, err)
		same(t, what+": jobs of the attempt", want, names(listed))
	}
	orders("stored now")
	contenders, err := s.UnfinishedJobs(ctx)
	must(t, err)
	var queued []ci.JobName
	for _, c := range contenders {
		queued = append(queued, c.Job)
		same(t, "created", now, c.Created)
	}
	same(t, "queue", want, queued)

	for i, name := range want {
		_, err := s.Writer().
			ExecContext(ctx, `UPDATE jobs SET ordinal = 0, created = ? WHERE name = ?`, now.UnixMilli()+int64(i), name)
		must(t, err)
	}
	orders("stored by the version before")
	must(t, s.DownTo(ctx, 99))
	must(t, s.Up(ctx))
	_, err = s.Writer().ExecContext(ctx, `UPDATE jobs SET created = 0`)
	must(t, err)
	orders("migrated")
}

func names(jobs []ci.Job) (names []ci.JobName) {
	for _, j := range jobs {
		names = append(names, j.Name)
	}
	return names
}
