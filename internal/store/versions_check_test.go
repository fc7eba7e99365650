package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// The releases that first wrote something, as the header of their file counts them.
const (
	writesNeeds      = 2 // several jobs, services, what a push replaced
	writesLosses     = 3 // and whether a job left something in the cluster
	writesLogs       = 4
	writesLists      = 12 // failed deliveries, repositories, broken files, approvals, cursors, what jobs wait for
	writesSupersedes = 13 // answers too
	writesTokens     = 14
	writesSessions   = 15
	writesApp        = 16
	writesLogErrors  = 17
	writesAsked      = 20
	writesRepoStates = 23
	writesAccess     = 24
	writesIdentities = 25
	writesInstall    = 26
	writesPins       = 27
	writesDetails    = 28
	writesImages     = 29
	writesAwaits     = 31
	writesHeadBy     = 32
	writesReporters  = 34
)

// version is what a file of rows was written by.
type version struct {
	release    int
	migrations []int64
}

// versionOf returns the version of a file. Files without a release hold the rows of the release that first wrote lists,
// without the columns of the migrations that they lack.
func versionOf(file versionFile) version {
	v := version{release: file.Release, migrations: file.Migrations}
	if v.release == 0 {
		v.release = writesLists
	}
	return v
}

// has reports whether the version wrote what some release was the first to write.
func (v version) has(release int) bool { return v.release >= release }

// lacks reports whether the rows have no columns of a migration, of those that the release had.
func (v version) lacks(migration int64) bool { return !slices.Contains(v.migrations, migration) }

// The migrations that the files without a release lack.
const (
	migrationHealing   = 7
	migrationLists     = 8
	migrationApprovals = 9
)

// checkVersion reads what versionRows wrote in some release. What that release did not know yet has its zero value.
func checkVersion(t *testing.T, s *store.Store, v version) {
	t.Helper()
	checkDeliveries(t, s, v)
	checkRuns(t, s, v)
	checkJobs(t, s, v)
	checkQueue(t, s, v)
	checkStatuses(t, s, v)
	checkLogs(t, s, v)
	checkRepos(t, s, v)
	checkPeople(t, s, v)
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func checkDeliveries(t *testing.T, s *store.Store, v version) {
	t.Helper()
	list, err := s.Deliveries(t.Context(), "", 0, 100)
	must(t, err)
	type delivery struct {
		GUID, Name, Reason, Repo string
		State                    ci.DeliveryState
		Run                      ci.RunID
		Attempts                 int
	}
	var got []delivery
	for _, d := range list {
		got = append(got, delivery{d.GUID, d.Name, d.Reason, d.Repo, d.State, d.Run, d.Attempts})
		if d.HookID != 3 || d.Received.IsZero() || d.State == ci.DeliveryPending && d.Due.IsZero() {
			t.Errorf("delivery %+v", d)
		}
	}
	want := []delivery{
		{"guid-5", "push", "github: 502", "Ada/hello", ci.DeliveryPending, "", 1},
		{"guid-4", "push", "panic: no such thing", "Ada/hello", ci.DeliveryFailed, "", 1},
		{"guid-3", "star", "Ignored: event star starts nothing.", "Ada/hello", ci.DeliveryIgnored, "", 0},
		{"guid-2", "pull_request", "Ignored: closed.", "Ada/hello", ci.DeliveryIgnored, "", 0},
		{"guid-1", "push", "Run rpassed000.", "Ada/hello", ci.DeliveryDone, "rpassed000", 0},
	}
	if !v.has(writesLists) {
		want[1].State, want[1].Reason = ci.DeliveryPending, "github: 502"
	}
	if !v.has(writesLists) || v.lacks(migrationHealing) {
		for i := range want {
			want[i].Repo, want[i].Run = "", ""
		}
	}
	same(t, "deliveries", want, got)

	s.SetNow(func() time.Time { return at(3600) }) // all that was put off is due
	due, err := s.DueDeliveries(t.Context(), 10)
	must(t, err)
	s.SetNow(func() time.Time { return at(600) })
	first := "{\"n\": 4}\xff\x00"
	if !v.has(writesLists) {
		first = "{\"n\": 3}\xff\x00"
	}
	if len(due) != 1 || string(due[0].Body) != first {
		t.Errorf("due %+v, want one with the body %q", due, first)
	}
}

// eventOf returns an event of versionEvents as a release stored it.
func eventOf(id ci.RunID, v version) ci.Event {
	ev := versionEvents()[id]
	if !v.has(writesNeeds) {
		ev.Before, ev.BaseSHA = "", ""
	}
	if !v.has(writesLists) {
		ev.Repo.DefaultBranch = ""
		ev.At = time.Time{}
		ev.Author = ci.Actor{}
	}
	if !v.has(writesAsked) {
		ev.Requested, ev.NotHead = false, false
	}
	if !v.has(writesRepoStates) {
		ev.Repo.OwnerID = 0
	}
	if !v.has(writesIdentities) {
		ev.Object, ev.SkipCI = "", false
	}
	if !v.has(writesHeadBy) {
		ev.HeadBy = ci.Actor{}
	}
	return ev
}

// versionIDs returns the runs of a release, oldest first.
func versionIDs(v version) []ci.RunID {
	ids := []ci.RunID{
		"rpassed000",
		"rmatrix000",
		"rfailed000",
		"rcommand00",
		"rwaiting00",
		"rbroken000",
		"rheld00000",
		"rapproved0",
	}
	if !v.has(writesLists) {
		return ids[:6]
	}
	return ids
}

func checkRuns(t *testing.T, s *store.Store, v version) {
	t.Helper()
	ctx := t.Context()
	states := map[ci.RunID]ci.State{
		"rpassed000": ci.Success,
		"rmatrix000": ci.Running,
		"rfailed000": ci.Queued,
		"rcommand00": ci.Running,
		"rwaiting00": ci.Queued,
		"rbroken000": ci.Error,
		"rheld00000": ci.Held,
		"rapproved0": ci.Cancelled,
	}
	ids := versionIDs(v)
	number := int64(0)
	for i, id := range ids {
		run, err := s.Run(ctx, id)
		must(t, err)
		want := ci.Run{
			ID:      id,
			Event:   eventOf(id, v),
			Attempt: 1,
			State:   states[id],
			Created: at(i),

			Supersedes: v.has(writesSupersedes),
		}
		if id != "rcommand00" {
			number++
			want.Number = number
		}
		if id == "rfailed000" {
			want.Attempt = 2
		}
		if v.has(writesIdentities) {
			want.Identity = "id-" + string(id)
		}
		if run.Message == "" || run.JudgedUntil.IsZero() != (v.has(writesIdentities)) ||
			run.Finished.IsZero() == run.State.Final() {
			t.Errorf("run %s: message %q, judged until %v, finished %v", id, run.Message, run.JudgedUntil, run.Finished)
		}
		run.Message = ""
		run.JudgedUntil = time.Time{}
		run.Started = time.Time{}
		run.Finished = time.Time{}
		same(t, "run "+string(id), want, run)

		if want.Number != 0 {
			byNumber, err := s.RunByNumber(ctx, 11, want.Number)
			must(t, err)
			same(t, "run by number", id, byNumber.ID)
			byMeaning, err := s.RunOfEvent(ctx, 11, run.Event.SHA, run.Event.Kind, run.Event.Ref)
			must(t, err)
			same(t, "run of an event", id, byMeaning.ID)
		}
	}
	list, err := s.Runs(ctx, ci.RunFilter{Visibility: ci.Visibility{All: true}, Limit: 100})
	must(t, err)
	var listed []ci.RunID
	for _, run := range slices.Backward(list) {
		listed = append(listed, run.ID)
	}
	same(t, "list of runs", ids, listed)

	broken, err := s.BrokenFile(ctx, "rbroken000", 1)
	if !v.has(writesLists) || v.lacks(migrationLists) {
		same(t, "a broken file that was not kept", true, errors.Is(err, store.ErrNotFound))
		return
	}
	must(t, err)
	same(t, "broken file", ci.BrokenFile{
		Content:  "x: y\n",
		Problems: []ci.Problem{{Line: 1, Column: 3, Text: "unknown key"}, {Line: 2, Column: 1, Text: "no steps"}},
	}, broken)
	approval, err := s.Approval(ctx, ci.Run{ID: "rapproved0"})
	must(t, err)
	if v.lacks(migrationApprovals) {
		same(t, "an approval that was not kept", true, approval == nil)
		return
	}
	same(t, "approval", &ci.Approval{
		SHA:    versionSHA("2"),
		Base:   "main",
		Digest: "digest",
		By:     ci.Actor{ID: 9, Login: "Ada"},
		Via:    "comment",
		At:     at(50),
	}, approval)
}

// stepsOf returns versionSteps as a release stored them.
func stepsOf(v version) []ci.Step {
	steps := versionSteps()
	for i := range steps {
		if !v.has(writesNeeds) {
			steps[i].Allowed, steps[i].Reason = false, ""
		}
		if !v.has(writesLosses) {
			steps[i].Memory = 0
			steps[i].CPU = 0
			steps[i].OOM = 0
		}
		if !v.has(writesLists) {
			steps[i].Limit = 0
		}
		if !v.has(writesAwaits) {
			steps[i].Attempts = 0
		}
	}
	return steps
}

func checkJobs(t *testing.T, s *store.Store, v version) {
	t.Helper()
	ctx := t.Context()
	passed, err := s.Job(ctx, "yaci-rpassed000-1")
	must(t, err)
	want := ci.Job{
		Name:      "yaci-rpassed000-1",
		Run:       "rpassed000",
		Attempt:   1,
		State:     ci.Success,
		Message:   "Passed in 3.0s.",
		UID:       "uid-passed",
		Ready:     true,
		CleanedUp: v.has(writesLosses),
		Steps:     stepsOf(v),
		Created:   passed.Created,
		Started:   passed.Started,
		Finished:  at(30),
	}
	if v.has(writesNeeds) {
		want.Services = versionServices()
	}
	if v.has(writesNeeds) && !v.has(writesIdentities) {
		want.Services[0] = ci.Service{Name: "db", Container: "svc-db"}
	}
	want.InferStepStates()
	same(t, "job that passed", want, passed)
	if passed.Created.IsZero() || passed.Started.IsZero() {
		t.Errorf("created %v, started %v", passed.Created, passed.Started)
	}

	checkMatrix(t, s, v)
	attempts, err := s.RunJobs(ctx, "rfailed000")
	must(t, err)
	if len(attempts) != 2 || attempts[0].Steps[0].Exit != 3 || attempts[0].State != ci.Failure ||
		attempts[1].Attempt != 2 ||
		attempts[1].State != ci.Queued {
		t.Errorf("attempts %+v", attempts)
	}
	waiting, err := s.JobWithSpec(ctx, "yaci-rwaiting00-1")
	must(t, err)
	same(t, "plan", versionJob("rwaiting00", 1).Manifest, waiting.Manifest)
	same(t, "files", versionJob("rwaiting00", 1).Files, waiting.Files)
	if v.has(writesImages) {
		same(t, "images", []ci.Image{{
			Name:       "alpine:3",
			Pinned:     "alpine@sha256:0123",
			Entrypoint: []string{"/bin/tool"},
			Cmd:        []string{"--all"},
		}}, waiting.Images)
	}
}

// checkMatrix reads the run whose jobs have names that do not sort as the file orders them.
func checkMatrix(t *testing.T, s *store.Store, v version) {
	t.Helper()
	jobs, err := s.AttemptJobs(t.Context(), "rmatrix000", 1)
	must(t, err)
	var titles []string
	for _, j := range jobs {
		titles = append(titles, j.Title)
	}
	if !v.has(writesNeeds) {
		same(t, "titles", []string{""}, titles)
		return
	}
	same(t, "titles in the order of the file", []string{"unit go=1.25", "unit go=1.26", "deploy"}, titles)
	needs, err := s.JobNeeds(t.Context(), "rmatrix000")
	must(t, err)
	same(
		t,
		"needs",
		map[ci.JobName][]ci.JobName{"yaci-rmatrix000-1-8": {"yaci-rmatrix000-1-10", "yaci-rmatrix000-1-9"}},
		needs,
	)
	deploy := jobs[2]
	same(t, "group", "11/deploy", deploy.Group)
	same(t, "limit", 1, deploy.Limit)
	same(t, "ready", []bool{true, true, false}, []bool{jobs[0].Ready, jobs[1].Ready, deploy.Ready})
	for _, j := range jobs {
		plan, err := s.JobWithSpec(t.Context(), j.Name)
		must(t, err)
		same(t, "plan", versionJob("rmatrix000", 1).Manifest, plan.Manifest)
	}
	if v.has(writesIdentities) {
		same(t, "when", ci.WhenAlways, deploy.When)
	}
	if !v.has(writesLosses) {
		return
	}
	lost := jobs[0]
	same(t, "UID", "uid-runs", lost.UID)
	loss := ci.Interruption{At: lost.Interruptions[0].At, Reason: "the node went away"}
	if v.has(writesDetails) {
		loss.Detail = "Node n1 is gone."
		same(t, "detail", "exceeded quota: builds", lost.Detail)
	}
	same(t, "losses", []ci.Interruption{loss}, lost.Interruptions)
	if v.has(writesLists) {
		same(t, "waits", "quota cpu", lost.WaitKey)
	}
}

func checkQueue(t *testing.T, s *store.Store, v version) {
	t.Helper()
	list, err := s.UnfinishedJobs(t.Context())
	must(t, err)
	var got []ci.JobName
	for _, c := range list {
		got = append(got, c.Job)
		if v.has(writesLists) && (c.CPU != 1500 || c.Memory != 1<<30) {
			t.Errorf("queued job %+v", c)
		}
		if v.has(writesDetails) && (c.Disk != 2<<30 || c.Pool != "builds") {
			t.Errorf("queued job %+v", c)
		}
		if v.has(writesLists) && c.Repo != 0 && c.Person == 0 {
			t.Errorf("queued job %+v", c)
		}
		hasNames := v.has(writesLists) && !v.lacks(migrationLists)
		if hasNames && c.Repo != 0 && (c.RepoName != "Ada/hello" || c.Login == "") {
			t.Errorf("queued job %+v", c)
		}
		if c.Requeued != (v.has(writesLosses) && c.Job == "yaci-rmatrix000-1-10") {
			t.Errorf("queued job %+v", c)
		}
	}
	want := []ci.JobName{
		"yaci-rmatrix000-1-10",
		"yaci-rmatrix000-1-9",
		"yaci-rmatrix000-1-8",
		"yaci-rfailed000-2",
		"yaci-rcommand00-1",
		"yaci-rwaiting00-1",
	}
	if !v.has(writesNeeds) {
		want = slices.Replace(want, 0, 3, ci.JobName("yaci-rmatrix000-1"))
	}
	same(t, "queue", want, got)
	spent, err := s.RecentUsage(t.Context(), at(-1000), 10)
	must(t, err)
	if len(spent) < 2 {
		t.Errorf("spent %+v", spent)
	}
	running, err := s.RunningJobs(t.Context())
	must(t, err)
	same(t, "running", []ci.JobName{want[0], "yaci-rcommand00-1"}, running)
	load, err := s.Load(t.Context())
	must(t, err)
	if load.Queued != len(want)-2 || load.Running != 2 || load.Statuses == 0 {
		t.Errorf("load %+v", load)
	}
}

func checkStatuses(t *testing.T, s *store.Store, v version) {
	t.Helper()
	due, err := s.DueStatuses(t.Context(), 100)
	must(t, err)
	states := map[ci.SHA]ci.ReportState{}
	for _, st := range due {
		if st.Context != "yaci" || st.Reporter != report.StatusReporter {
			continue
		}
		states[st.SHA] = st.State
		repo := eventOf("rpassed000", v).Repo
		same(t, "repository of a status", repo, st.Repo)
		if st.SHA == versionSHA("c") {
			same(t, "attempts", 1, st.Attempts)
			same(t, "unconfirmed", v.has(writesLists) && !v.lacks(migrationHealing), st.Unconfirmed)
		}
	}
	want := map[ci.SHA]ci.ReportState{versionSHA("b"): "pending", versionSHA("c"): "pending", versionSHA("e"): "pending"}
	if !v.has(writesLists) || v.lacks(migrationHealing) {
		want[versionSHA("f")] = "error" // later ones gave it up
	}
	if v.has(writesLists) {
		want[versionSHA("1")] = "pending"
		want[versionSHA("2")] = "error"
	}
	for sha, state := range want { // at most eight of a repository are due at once, endings first
		if states[sha] != state && (state == "error" || len(due) < 8) {
			t.Errorf("status of %s: %q, want %s", sha.Short(), states[sha], state)
		}
	}
	if states[versionSHA("a")] != "" && !v.has(writesAwaits) {
		t.Error("a status that GitHub has is sent again")
	}
	if v.has(writesReporters) {
		names := queryColumn[string](t, s.Writer(), `SELECT DISTINCT reporter FROM statuses ORDER BY reporter`)
		same(t, "reporters", []string{report.CheckReporter, report.StatusReporter}, names)
	}
}

func checkLogs(t *testing.T, s *store.Store, v version) {
	t.Helper()
	if !v.has(writesLogs) {
		return
	}
	id := ci.LogID{UID: "uid-passed", Container: "unit-tests"}
	log, err := s.Log(t.Context(), id)
	must(t, err)
	want := ci.Log{
		ID:     id,
		Job:    "yaci-rpassed000-1",
		Closed: true,
		Note:   "The end is missing.",
	}
	if v.has(writesLogErrors) {
		want.Error = 17
	}
	same(t, "log", want, log)
	chunks, err := s.LogChunks(t.Context(), id)
	must(t, err)
	same(t, "chunks", []ci.LogChunk{versionChunk(0), versionChunk(1)}, chunks)
}

func checkRepos(t *testing.T, s *store.Store, v version) {
	t.Helper()
	if !v.has(writesLists) {
		return
	}
	ctx := t.Context()
	repo := eventOf("rpassed000", v).Repo
	if !v.lacks(migrationHealing) {
		cursor, err := s.Cursor(ctx, "deliveries")
		must(t, err)
		same(t, "cursor", at(70), cursor)
	}
	if v.lacks(migrationLists) {
		return
	}
	got, err := s.RepoByName(ctx, "ada", "HELLO")
	must(t, err)
	same(t, "repository", repo, got)
	summaries, err := s.Repos(ctx, ci.Visibility{})
	must(t, err)
	if len(summaries) != 1 || summaries[0].Last.ID != "rapproved0" || summaries[0].Repo != repo {
		t.Errorf("repositories %+v", summaries)
	}
	if v.has(writesAccess) {
		access, err := s.Access(ctx)
		must(t, err)
		same(t, "access", []ci.RepoAccess{versionAccess()}, access)
	}
	if v.has(writesInstall) {
		name, err := s.Installation(ctx)
		must(t, err)
		again, err := s.Installation(ctx)
		must(t, err)
		same(t, "installation", name, again)
	}
	if v.has(writesPins) {
		pins, err := s.PinGrants(ctx, nil, []string{"grant-uid"})
		must(t, err)
		same(t, "pins", []ci.GrantPin{{Grant: "grant-uid", Name: "ada/hello", ID: 11}}, pins)
		say, err := s.ClaimRefusalNotice(ctx, 11, 8, 13, 5)
		must(t, err)
		same(t, "a second refusal", false, say)
	}
	if v.has(writesAwaits) {
		waits, err := s.AwaitsPull(ctx, ci.Event{Repo: repo, PR: 12})
		must(t, err)
		same(t, "awaits", true, waits)
	}
}

func checkPeople(t *testing.T, s *store.Store, v version) {
	t.Helper()
	ctx := t.Context()
	if v.has(writesSupersedes) {
		answer, claimed, err := s.ClaimIdempotencyKey(ctx, "key-1", "POST /run")
		must(t, err)
		same(t, "claimed", false, claimed)
		want := ci.IdempotentResponse{
			Request: "POST /run",
			Status:  201,
			Body:    []byte(`{"id":"rcommand00"}`),
		}
		same(t, "answer", want, answer)
	}
	if v.has(writesTokens) {
		tokens, err := s.Tokens(ctx)
		must(t, err)
		want := versionToken()
		want.Used = tokens[0].Used
		same(t, "tokens", []ci.Token{want}, tokens)
		same(t, "used", false, want.Used.IsZero())
	}
	if v.has(writesSessions) {
		session, err := s.Session(ctx, "session1")
		must(t, err)
		want := versionSession()
		want.Created = session.Created
		same(t, "session", want, session)
	}
	if v.has(writesApp) {
		app, err := s.App(ctx)
		must(t, err)
		same(t, "app", versionApp(), app)
	}
}

// continueVersion goes on with what a release left: new runs and attempts, ends of jobs, and what is dropped.
func continueVersion(t *testing.T, s *store.Store, v version) {
	t.Helper()
	ctx := t.Context()
	repeated := versionRun("rpassed000", 0)
	repeated.ID = "rrepeated0"
	attempt := ci.NewAttempt{Jobs: []ci.NewJob{versionJob("rrepeated0", 1)}}
	must(t, s.CreateRun(ctx, permit(repeated.Event), 0, repeated, attempt))
	if _, err := s.Run(ctx, "rrepeated0"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an event that has a run got another: %v", err)
	}

	next := versionRun("rpassed000", 100)
	next.ID = "rnext00000"
	next.Event.SHA = versionSHA("7")
	must(t, s.CreateRun(ctx, permit(next.Event), 0, next, ci.NewAttempt{Jobs: []ci.NewJob{versionJob(next.ID, 1)}}))
	same(t, "number of the next run", int64(len(versionIDs(v))), next.Number) // the command has none

	job := launch(t, s, "yaci-rwaiting00-1", "uid-waiting")
	job.State = ci.Success
	job.Message = "Passed."
	job.Steps = versionSteps()
	observe(t, s, job)
	run, err := s.Run(ctx, "rwaiting00")
	must(t, err)
	same(t, "the run that waited", ci.Success, run.State)

	must(t, s.MarkCleanedUp(ctx, "yaci-rpassed000-1")) // earlier versions did not record it
	old, err := s.OldRuns(ctx, at(100), 0, 10)
	must(t, err)
	if !slices.Contains(old, "rpassed000") {
		t.Errorf("old runs %v", old)
	}
	must(t, s.DeleteRun(ctx, "rpassed000"))
	if _, err := s.Job(ctx, "yaci-rpassed000-1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a job of a run that was dropped: %v", err)
	}
	must(t, s.AddDelivery(ctx, ci.NewDelivery{
		HookID: 3,
		GUID:   "guid-6",
		Name:   "push",
		Body:   []byte("{}"),
	}))
}
