package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

// matrix is a run of many jobs whose plans are large and differ little.
func matrix(id ci.RunID, cells int) (*ci.Run, []ci.NewJob) {
	run, _ := pushRun(id, "refs/heads/"+string(id))
	r := rand.New(rand.NewPCG(1, 2))
	var common strings.Builder
	for range 2000 {
		fmt.Fprintf(&common, "step %x; ", r.Uint64())
	}
	var jobs []ci.NewJob
	for n := range cells {
		manifest, _ := json.Marshal(map[string]any{"cell": n, "steps": common.String()})
		files, _ := json.Marshal(map[string]string{"plan.json": common.String() + fmt.Sprint(n)})
		jobs = append(jobs, ci.NewJob{
			Name:     ci.JobName(fmt.Sprintf("yaci-%s-1-%d", id, n)),
			Run:      id,
			Attempt:  1,
			State:    ci.Queued,
			Manifest: manifest,
			Files:    files,
		})
	}
	return run, jobs
}

func storedBytes(t *testing.T, s *store.Store) (n int64) {
	t.Helper()
	must(t, s.Writer().QueryRow(`SELECT coalesce(sum(length(manifest) + length(files)), 0) FROM jobs`).Scan(&n))
	return n
}

func TestS16PlansAreSmallAndTemporary(t *testing.T) { both(t, smallPlans) }

// S16: the plans of a matrix take little more than one, come back as they were, and go when their jobs have ended.
func smallPlans(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := matrix("r1", 50)
	var plain int64
	for _, j := range jobs {
		plain += int64(len(j.Manifest) + len(j.Files))
	}
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	if stored := storedBytes(t, s); stored > plain/20 {
		t.Errorf("%d bytes of plans take %d", plain, stored)
	}
	for i, j := range jobs {
		got, err := s.JobWithSpec(ctx, j.Name)
		must(t, err)
		if !bytes.Equal(got.Manifest, j.Manifest) || !bytes.Equal(got.Files, j.Files) {
			t.Fatalf("the plan of job %d came back as %d and %d bytes", i, len(got.Manifest), len(got.Files))
		}
	}
	for i, j := range jobs {
		_, err := s.Observe(ctx, ci.Job{
			Name:    j.Name,
			Run:     j.Run,
			Attempt: j.Attempt,
			State:   ci.Success,
		})
		must(t, err)
		if i+1 < len(jobs) { // the first one's plan is what the others' are read with
			got, err := s.JobWithSpec(ctx, jobs[i+1].Name)
			must(t, err)
			if !bytes.Equal(got.Manifest, jobs[i+1].Manifest) {
				t.Fatalf("after the end of job %d the plan of the next is not readable", i)
			}
		}
	}
	if stored := storedBytes(t, s); stored != 0 {
		t.Errorf("%d bytes are left of ended jobs", stored)
	}
	run, jobs = matrix("r2", 3)
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	_, err := s.CancelRun(ctx, run.ID, "Cancelled.")
	must(t, err)
	if stored := storedBytes(t, s); stored != 0 {
		t.Errorf("%d bytes are left of cancelled jobs", stored)
	}
}

func TestS16ARepositoryHasALimit(t *testing.T) { both(t, planLimit) }

// S16: a repository whose unfinished jobs fill its share gets an error that says what to do, and another one goes on.
func planLimit(t *testing.T, s *store.Store) {
	ctx := t.Context()
	s.LimitSpecs(1 << 20)
	refused := 0
	for n := range 100 {
		run, jobs := matrix(ci.RunID(fmt.Sprintf("r%d", n)), 2)
		must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
		stored, err := s.Run(ctx, run.ID)
		must(t, err)
		if stored.State == ci.Error {
			refused++
			if !strings.Contains(stored.Message, "YACI_REPO_STORE_LIMIT") || stored.Finished.IsZero() {
				t.Fatalf("run %+v", stored)
			}
		}
	}
	total := storedBytes(t, s)
	if total > 1<<20 || refused == 0 || refused > 90 {
		t.Errorf("%d bytes are stored, %d runs refused", total, refused)
	}
	other, jobs := matrix("other", 2)
	other.Event.Repo.ID = 2
	must(t, s.CreateRun(ctx, permit(other.Event), 0, other, ci.NewAttempt{Jobs: jobs}))
	stored, err := s.Run(ctx, "other")
	if err != nil || stored.State != ci.Queued {
		t.Errorf("another repository's run %+v, %v", stored, err)
	}
}

func TestS16OldPlansAreRead(t *testing.T) { both(t, oldPlans) }

// S16: what earlier versions stored without compression is launched as it is.
func oldPlans(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	_, err := s.Writer().Exec(`UPDATE jobs SET manifest = '{"a":1}', files = '{"b":"c"}', base = ''`)
	must(t, err)
	got, err := s.JobWithSpec(ctx, jobs[0].Name)
	must(t, err)
	if string(got.Manifest) != `{"a":1}` || string(got.Files) != `{"b":"c"}` {
		t.Errorf("plan %s, %s", got.Manifest, got.Files)
	}
}

func TestS16Upgrade(t *testing.T) { both(t, upgradePlans) }

// S16: the migration keeps the plans of jobs that have not ended, deletes the others, and the limit counts what is
// kept.
func upgradePlans(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, id := range []ci.RunID{"waits", "runs", "ended"} {
		run, jobs := pushRun(id, "refs/heads/"+string(id))
		must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	}
	must(t, s.DownTo(ctx, 62))
	old := `{"manifest": "` + strings.Repeat("as it was ", 60_000) + `"}`
	for _, statement := range []string{
		`UPDATE jobs SET manifest = '` + old + `', files = '{"script": "true"}'`,
		`UPDATE jobs SET state = 'running', uid = 'u1' WHERE run = 'runs'`,
		`UPDATE jobs SET state = 'success', finished = 1 WHERE run = 'ended'`,
	} {
		_, err := s.Writer().ExecContext(ctx, statement)
		must(t, err)
	}
	must(t, s.Up(ctx))
	for id, want := range map[ci.RunID]string{"waits": old, "runs": old, "ended": ""} {
		jobs, err := s.AttemptJobs(ctx, id, 1)
		must(t, err)
		job, err := s.JobWithSpec(ctx, jobs[0].Name)
		must(t, err)
		if string(job.Manifest) != want || (len(job.Files) == 0) != (want == "") {
			t.Errorf("the plan of run %s has %d and %d bytes, want %d", id, len(job.Manifest), len(job.Files), len(want))
		}
	}
	s.LimitSpecs(1 << 20) // two old plans are more
	run, jobs := pushRun("next", "refs/heads/next")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	if run, err := s.Run(ctx, "next"); err != nil || run.State != ci.Error ||
		!strings.Contains(run.Message, "YACI_REPO_STORE_LIMIT") {
		t.Errorf("beyond the limit: %+v, %v", run, err)
	}
}
