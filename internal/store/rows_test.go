package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestRowsKeepEveryField(t *testing.T) { both(t, rowsKeepEveryField) }

// A field that is added to a domain type and not to its columns fails here. What a column does not keep on purpose is
// set to its zero value, and the comment says why.
func rowsKeepEveryField(t *testing.T, s *store.Store) {
	keepsDelivery(t, s)
	keepsAttempt(t, s)
	keepsApproval(t, s)
	keepsPeople(t, s)
	keepsLog(t, s)
	keepsRepos(t, s)
}

// keepsDelivery stores a delivery and reads it as its handler gets it, with the body, and as it is listed.
func keepsDelivery(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	want := store.Fill[ci.NewDelivery]()
	want.Ignored = "" // one that is ignored is never handled
	must(t, s.AddDelivery(ctx, want))
	due, err := s.DueDeliveries(ctx, 1)
	must(t, err)
	list, err := s.Deliveries(ctx, "", 0, 1)
	must(t, err)
	same(t, "starts", 1, due[0].Starts)
	same(t, "state", ci.DeliveryPending, list[0].State)
	listed := list[0]
	listed.Body = due[0].Body
	findFields(t, want, []string{"Ignored"}, listed)
	want.GUID, want.Ignored = "ignored", "Ignored: for a reason."
	must(t, s.AddDelivery(ctx, want))
	list, err = s.Deliveries(ctx, ci.DeliveryIgnored, 0, 1)
	must(t, err)
	same(t, "reason", want.Ignored, list[0].Reason)
	must(t, s.IgnoreDelivery(ctx, due[0].ID, "Ignored."))
}

// findFields compares each field of what was written, but for some, with the field of its name in what was read.
func findFields(t *testing.T, written any, but []string, read ...any) {
	t.Helper()
	value := reflect.ValueOf(written)
	for i := range value.NumField() {
		name := value.Type().Field(i).Name
		if slices.Contains(but, name) {
			continue
		}
		found := false
		for _, one := range read {
			field := reflect.ValueOf(one).FieldByName(name)
			if found = field.IsValid(); found {
				same(t, fmt.Sprintf("%T.%s", written, name), value.Field(i).Interface(), field.Interface())
				break
			}
		}
		if !found {
			t.Errorf("nothing reads %T.%s", written, name)
		}
	}
}

// keepsAttempt stores a run with a job and looks for each field of what was written in what is read.
func keepsAttempt(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	run := store.Fill[ci.Run]()
	run.Attempt, run.State = 1, ci.Queued
	run.Event.Kind = ci.Push
	run.Number, run.Retargets = 0, 0 // counted by the store
	run.Started = time.Time{}        // written by Launched
	run.Finished = time.Time{}       // of a run in a final state
	run.JudgedUntil = time.Time{}    // written by a migration only
	job := store.Fill[ci.NewJob]()
	job.Run = run.ID
	job.Attempt = run.Attempt
	job.State = ci.Queued
	job.Finished = time.Time{} // of a job in a final state
	attempt := store.Fill[ci.NewAttempt]()
	attempt.Jobs = []ci.NewJob{job}
	must(t, s.CreateRun(ctx, permit(run.Event), 0, &run, attempt))
	same(t, "number", int64(1), run.Number)

	got, err := s.Run(ctx, run.ID)
	must(t, err)
	same(t, "run", run, got)
	broken, err := s.BrokenFile(ctx, run.ID, 1)
	must(t, err)
	same(t, "broken file", attempt.Broken, broken)
	for _, pr := range attempt.Awaits {
		waits, err := s.AwaitsPull(ctx, ci.Event{Repo: run.Event.Repo, PR: pr})
		must(t, err)
		same(t, "awaits", true, waits)
	}

	stored, err := s.JobWithSpec(ctx, job.Name)
	must(t, err)
	contenders, err := s.UnfinishedJobs(ctx)
	must(t, err)
	needs, err := s.JobNeeds(ctx, run.ID)
	must(t, err)
	same(t, "needs", job.Needs, needs[job.Name])
	findFields(t, job, []string{"Needs"}, stored, contenders[0])
	keepsOutcome(t, s, stored.Job)
}

// keepsOutcome stores what was observed of a job.
func keepsOutcome(t *testing.T, s *store.Store, job ci.Job) {
	t.Helper()
	ctx := t.Context()
	must(t, s.MarkLaunched(ctx, job.Name, "uid"))
	before, err := s.Job(ctx, job.Name)
	must(t, err)
	want := store.Fill[ci.Job]()
	want.Name = job.Name
	want.Run = job.Run
	want.Attempt = job.Attempt
	want.State = ci.Failure
	for i := range want.Steps {
		want.Steps[i].State = ci.Failure
	}
	for i := range want.Services {
		want.Services[i].State = ci.Success
	}
	observe(t, s, want)
	// What follows is not observed: it was stored with the job, or by other methods.
	want.Title = before.Title
	want.Group = before.Group
	want.Limit = before.Limit
	want.When = before.When
	want.Ready = before.Ready
	want.UID = before.UID
	want.Created = before.Created
	want.Started = before.Started
	want.CleanedUp = before.CleanedUp
	want.WaitKey, want.Interruptions = before.WaitKey, before.Interruptions
	got, err := s.Job(ctx, job.Name)
	must(t, err)
	same(t, "job that ended", want, got)
	withSpec, err := s.JobWithSpec(ctx, job.Name)
	must(t, err)
	same(t, "spec of a job that ended", ci.JobSpec{Manifest: []byte{}, Files: []byte{}}, withSpec.JobSpec)
}

func keepsApproval(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	run, jobs := pushRun("rheld", "refs/pull/1/head")
	run.Event.Repo.ID, run.State = 2, ci.Held
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, run, ci.NewAttempt{}))
	want := store.Fill[ci.Approval]()
	changed, err := s.ApproveRun(ctx, permit(run.Event), 0, *run, want, ci.NewAttempt{Jobs: jobs})
	must(t, err)
	same(t, "approved", true, changed)
	got, err := s.Approval(ctx, *run)
	must(t, err)
	same(t, "approval", &want, got)
}

func keepsPeople(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	token := store.Fill[ci.Token]()
	token.Used = time.Time{} // written by MarkTokenUsed
	must(t, s.AddToken(ctx, token))
	tokens, err := s.Tokens(ctx)
	must(t, err)
	same(t, "tokens", []ci.Token{token}, tokens)

	session := store.Fill[ci.Session]()
	session.Created = time.Time{} // written by the store
	must(t, s.AddSession(ctx, session))
	kept, err := s.Session(ctx, session.ID)
	must(t, err)
	session.Created = kept.Created
	same(t, "session", session, kept)
	session.Access = ci.UserAccess{Private: []int64{1}, Writable: nil, At: at(5)}
	must(t, s.SaveUserAccess(ctx, session.ID, session.Access))
	kept, err = s.Session(ctx, session.ID)
	must(t, err)
	same(t, "session with a new reach", session, kept)

	app := store.Fill[ci.App]()
	must(t, s.SaveApp(ctx, app))
	saved, err := s.App(ctx)
	must(t, err)
	same(t, "app", app, saved)

	answer := store.Fill[ci.IdempotentResponse]()
	_, _, err = s.ClaimIdempotencyKey(ctx, "key", answer.Request)
	must(t, err)
	must(t, s.SaveIdempotentResponse(ctx, "key", answer))
	again, _, err := s.ClaimIdempotencyKey(ctx, "key", answer.Request)
	must(t, err)
	same(t, "answer", answer, again)
}

func keepsLog(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	chunk := store.Fill[ci.LogChunk]()
	log := store.Fill[ci.Log]()
	must(t, s.AddLogChunk(ctx, log.ID, log.Job, chunk))
	must(t, s.CloseLog(ctx, log))
	chunks, err := s.LogChunks(ctx, log.ID)
	must(t, err)
	same(t, "chunks", []ci.LogChunk{chunk}, chunks)
	got, err := s.Log(ctx, log.ID)
	must(t, err)
	same(t, "log", log, got)
}

func keepsRepos(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	state := store.Fill[ci.RepoState]()
	state.ID = 99
	must(t, s.SaveRepoState(ctx, state))
	got, err := s.RepoState(ctx, 99)
	must(t, err)
	same(t, "repository", state, got)

	access := store.Fill[ci.RepoAccess]()
	// the ids count; only names and installation are kept for people
	for _, repo := range []*ci.Repo{&access.Repo, &access.From} {
		repo.Private = false
		repo.DefaultBranch = ""
		repo.OwnerID = 0
		repo.Installation = 77 // both belong to one
	}
	must(t, s.AllowAccess(ctx, access))
	list, err := s.Access(ctx)
	must(t, err)
	same(t, "access", []ci.RepoAccess{access}, list)

	pin := store.Fill[ci.GrantPin]()
	pins, err := s.PinGrants(ctx, []ci.GrantPin{pin}, []string{pin.Grant})
	must(t, err)
	same(t, "pins", []ci.GrantPin{pin}, pins)
}
