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

// checkVersion reads what versionRows wrote in some release. What that release did not know yet has its zero value.
func checkVersion(t *testing.T, s *store.Store, release int) {
	t.Helper()
	checkDeliveries(t, s, release)
	checkRuns(t, s, release)
	checkJobs(t, s, release)
	checkQueue(t, s, release)
	checkStatuses(t, s, release)
	checkLogs(t, s, release)
	checkRepos(t, s, release)
	checkPeople(t, s, release)
}

// checkReadable reads all runs with their jobs, and the outbox, whatever columns the version had.
func checkReadable(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	runs, err := s.Runs(ctx, ci.RunFilter{Sight: ci.Sight{All: true}, Limit: 100})
	must(t, err)
	same(t, "runs", 8, len(runs))
	for _, run := range runs {
		jobs, err := s.RunJobs(ctx, run.ID)
		must(t, err)
		for _, j := range jobs {
			plan, err := s.Job(ctx, j.Name)
			must(t, err)
			same(t, "plan of "+string(j.Name), !j.State.Final(), len(plan.Manifest) > 0)
		}
	}
	deliveries, err := s.Deliveries(ctx, "", 0, 100)
	must(t, err)
	same(t, "deliveries", 5, len(deliveries))
	statuses, err := s.DueStatuses(ctx, 100)
	must(t, err)
	same(t, "statuses are due", true, len(statuses) > 0)
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func checkDeliveries(t *testing.T, s *store.Store, release int) {
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
	if release < writesLists {
		want[1].State, want[1].Reason = ci.DeliveryPending, "github: 502"
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
	if release < writesLists {
		first = "{\"n\": 3}\xff\x00"
	}
	if len(due) != 1 || string(due[0].Body) != first {
		t.Errorf("due %+v, want one with the body %q", due, first)
	}
}

// eventOf returns an event of versionEvents as a release stored it.
func eventOf(id ci.RunID, release int) ci.Event {
	ev := versionEvents()[id]
	if release < writesNeeds {
		ev.Before, ev.BaseSHA = "", ""
	}
	if release < writesLists {
		ev.Repo.DefaultBranch = ""
		ev.At = time.Time{}
		ev.Author = ci.Actor{}
	}
	if release < writesAsked {
		ev.Asked, ev.Past = false, false
	}
	if release < writesRepoStates {
		ev.Repo.OwnerID = 0
	}
	if release < writesIdentities {
		ev.Object, ev.SkipCI = "", false
	}
	if release < writesHeadBy {
		ev.HeadBy = ci.Actor{}
	}
	return ev
}

// versionIDs returns the runs of a release, oldest first.
func versionIDs(release int) []ci.RunID {
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
	if release < writesLists {
		return ids[:6]
	}
	return ids
}

func checkRuns(t *testing.T, s *store.Store, release int) {
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
	ids := versionIDs(release)
	number := int64(0)
	for i, id := range ids {
		run, err := s.Run(ctx, id)
		must(t, err)
		want := ci.Run{
			ID:      id,
			Event:   eventOf(id, release),
			Attempt: 1,
			State:   states[id],
			Created: at(i),

			Supersedes: release >= writesSupersedes,
		}
		if id != "rcommand00" {
			number++
			want.Number = number
		}
		if id == "rfailed000" {
			want.Attempt = 2
		}
		if release >= writesIdentities {
			want.Identity = "id-" + string(id)
		}
		if run.Message == "" || run.JudgedUntil.IsZero() != (release >= writesIdentities) ||
			run.Finished.IsZero() == run.State.Final() {
			t.Errorf("run %s: message %q, judged until %v, finished %v", id, run.Message, run.JudgedUntil, run.Finished)
		}
		run.Message = ""
		run.JudgedUntil = time.Time{}
		run.Started = time.Time{}
		run.Finished = time.Time{}
		same(t, "run "+string(id), want, run)

		if want.Number != 0 {
			byNumber, err := s.RunNumber(ctx, 11, want.Number)
			must(t, err)
			same(t, "run by number", id, byNumber.ID)
			byMeaning, err := s.RunOf(ctx, 11, run.Event.SHA, run.Event.Kind, run.Event.Ref)
			must(t, err)
			same(t, "run of an event", id, byMeaning.ID)
		}
	}
	list, err := s.Runs(ctx, ci.RunFilter{Sight: ci.Sight{All: true}, Limit: 100})
	must(t, err)
	var listed []ci.RunID
	for _, run := range slices.Backward(list) {
		listed = append(listed, run.ID)
	}
	same(t, "list of runs", ids, listed)

	broken, err := s.BrokenFile(ctx, "rbroken000", 1)
	if release < writesLists {
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
func stepsOf(release int) []ci.Step {
	steps := versionSteps()
	for i := range steps {
		if release < writesNeeds {
			steps[i].Allowed, steps[i].Reason = false, ""
		}
		if release < writesLosses {
			steps[i].Memory = 0
			steps[i].CPU = 0
			steps[i].OOM = 0
		}
		if release < writesLists {
			steps[i].Limit = 0
		}
		if release < writesAwaits {
			steps[i].Attempts = 0
		}
	}
	return steps
}

func checkJobs(t *testing.T, s *store.Store, release int) {
	t.Helper()
	ctx := t.Context()
	passed, err := s.Job(ctx, "yaci-rpassed000-1")
	must(t, err)
	want := ci.Job{
		Name:     "yaci-rpassed000-1",
		Run:      "rpassed000",
		Attempt:  1,
		State:    ci.Success,
		Message:  "Passed in 3.0s.",
		Manifest: []byte{},
		Files:    []byte{},
		UID:      "uid-passed",
		Ready:    true,
		Settled:  release >= writesLosses,
		Steps:    stepsOf(release),
		Created:  passed.Created,
		Started:  passed.Started,
		Finished: at(30),
	}
	if release >= writesNeeds {
		want.Services = versionServices()
	}
	if release >= writesNeeds && release < writesIdentities {
		want.Services[0] = ci.Service{Name: "db", Container: "svc-db"}
	}
	want.InferStepStates()
	same(t, "job that passed", want, passed)
	if passed.Created.IsZero() || passed.Started.IsZero() {
		t.Errorf("created %v, started %v", passed.Created, passed.Started)
	}

	checkMatrix(t, s, release)
	attempts, err := s.RunJobs(ctx, "rfailed000")
	must(t, err)
	if len(attempts) != 2 || attempts[0].Steps[0].Exit != 3 || attempts[0].State != ci.Failure ||
		attempts[1].Attempt != 2 ||
		attempts[1].State != ci.Queued {
		t.Errorf("attempts %+v", attempts)
	}
	waiting, err := s.Job(ctx, "yaci-rwaiting00-1")
	must(t, err)
	same(t, "plan", versionJob("rwaiting00", 1).Manifest, waiting.Manifest)
	same(t, "files", versionJob("rwaiting00", 1).Files, waiting.Files)
	if release >= writesImages {
		same(t, "images", []ci.Image{{
			Name:       "alpine:3",
			Pinned:     "alpine@sha256:0123",
			Entrypoint: []string{"/bin/tool"},
			Cmd:        []string{"--all"},
		}}, waiting.Images)
	}
}

// checkMatrix reads the run whose jobs have names that do not sort as the file orders them.
func checkMatrix(t *testing.T, s *store.Store, release int) {
	t.Helper()
	jobs, err := s.JobsOf(t.Context(), "rmatrix000", 1)
	must(t, err)
	var titles []string
	for _, j := range jobs {
		titles = append(titles, j.Title)
	}
	if release < writesNeeds {
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
		plan, err := s.Job(t.Context(), j.Name)
		must(t, err)
		same(t, "plan", versionJob("rmatrix000", 1).Manifest, plan.Manifest)
	}
	if release >= writesIdentities {
		same(t, "when", ci.WhenAlways, deploy.When)
	}
	if release < writesLosses {
		return
	}
	lost := jobs[0]
	same(t, "UID", "uid-runs", lost.UID)
	loss := ci.Loss{At: lost.Losses[0].At, Why: "the node went away"}
	if release >= writesDetails {
		loss.Detail = "Node n1 is gone."
		same(t, "detail", "exceeded quota: builds", lost.Detail)
	}
	same(t, "losses", []ci.Loss{loss}, lost.Losses)
	if release >= writesLists {
		same(t, "waits", "quota cpu", lost.Waits)
	}
}

func checkQueue(t *testing.T, s *store.Store, release int) {
	t.Helper()
	list, err := s.Contenders(t.Context())
	must(t, err)
	var got []ci.JobName
	for _, c := range list {
		got = append(got, c.Job)
		if release >= writesLists && (c.CPU != 1500 || c.Memory != 1<<30) {
			t.Errorf("contender %+v", c)
		}
		if release >= writesDetails && (c.Disk != 2<<30 || c.Pool != "builds") {
			t.Errorf("contender %+v", c)
		}
		if release >= writesLists && c.Repo != 0 && (c.RepoName != "Ada/hello" || c.Person == 0 || c.Login == "") {
			t.Errorf("contender %+v", c)
		}
		if c.Again != (release >= writesLosses && c.Job == "yaci-rmatrix000-1-10") {
			t.Errorf("contender %+v", c)
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
	if release < writesNeeds {
		want = slices.Replace(want, 0, 3, ci.JobName("yaci-rmatrix000-1"))
	}
	same(t, "queue", want, got)
	spent, err := s.Spent(t.Context(), at(-1000), 10)
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

func checkStatuses(t *testing.T, s *store.Store, release int) {
	t.Helper()
	due, err := s.DueStatuses(t.Context(), 100)
	must(t, err)
	states := map[ci.SHA]ci.ReportState{}
	for _, st := range due {
		if st.Context != "yaci" || st.Reporter != report.StatusReporter {
			continue
		}
		states[st.SHA] = st.State
		repo := eventOf("rpassed000", release).Repo
		same(t, "repository of a status", repo, st.Repo)
		if st.SHA == versionSHA("c") {
			same(t, "attempts", 1, st.Attempts)
			same(t, "unconfirmed", release >= writesLists, st.Unconfirmed)
		}
	}
	want := map[ci.SHA]ci.ReportState{versionSHA("b"): "pending", versionSHA("c"): "pending", versionSHA("e"): "pending"}
	if release < writesLists {
		want[versionSHA("f")] = "error"
	} else {
		want[versionSHA("1")] = "pending"
		want[versionSHA("2")] = "error"
	}
	for sha, state := range want { // at most eight of a repository are due at once, endings first
		if states[sha] != state && (state == "error" || len(due) < 8) {
			t.Errorf("status of %s: %q, want %s", sha.Short(), states[sha], state)
		}
	}
	if states[versionSHA("a")] != "" && release < writesAwaits {
		t.Error("a status that GitHub has is sent again")
	}
	if release >= writesReporters {
		names := queryColumn[string](t, s.Writer(), `SELECT DISTINCT reporter FROM statuses ORDER BY reporter`)
		same(t, "reporters", []string{report.CheckReporter, report.StatusReporter}, names)
	}
}

func checkLogs(t *testing.T, s *store.Store, release int) {
	t.Helper()
	if release < writesLogs {
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
	if release >= writesLogErrors {
		want.Error = 17
	}
	same(t, "log", want, log)
	chunks, err := s.LogChunks(t.Context(), id)
	must(t, err)
	same(t, "chunks", []ci.LogChunk{versionChunk(0), versionChunk(1)}, chunks)
}

func checkRepos(t *testing.T, s *store.Store, release int) {
	t.Helper()
	if release < writesLists {
		return
	}
	ctx := t.Context()
	repo := eventOf("rpassed000", release).Repo
	got, err := s.RepoNamed(ctx, "ada", "HELLO")
	must(t, err)
	same(t, "repository", repo, got)
	summaries, err := s.Repos(ctx, ci.Sight{})
	must(t, err)
	if len(summaries) != 1 || summaries[0].Last.ID != "rapproved0" || summaries[0].Repo != repo {
		t.Errorf("repositories %+v", summaries)
	}
	cursor, err := s.Cursor(ctx, "deliveries")
	must(t, err)
	same(t, "cursor", at(70), cursor)
	if release >= writesAccess {
		access, err := s.Access(ctx)
		must(t, err)
		same(t, "access", []ci.RepoAccess{versionAccess()}, access)
	}
	if release >= writesInstall {
		name, err := s.Installation(ctx)
		must(t, err)
		again, err := s.Installation(ctx)
		must(t, err)
		same(t, "installation", name, again)
	}
	if release >= writesPins {
		pins, err := s.PinGrants(ctx, nil, []string{"grant-uid"})
		must(t, err)
		same(t, "pins", []ci.GrantPin{{Grant: "grant-uid", Name: "ada/hello", ID: 11}}, pins)
		say, err := s.MayRefuse(ctx, 11, 8, 13, 5)
		must(t, err)
		same(t, "a second refusal", false, say)
	}
	if release >= writesAwaits {
		waits, err := s.AwaitsPull(ctx, ci.Event{Repo: repo, PR: 12})
		must(t, err)
		same(t, "awaits", true, waits)
	}
}

func checkPeople(t *testing.T, s *store.Store, release int) {
	t.Helper()
	ctx := t.Context()
	if release >= writesSupersedes {
		answer, claimed, err := s.BeginAnswer(ctx, "key-1", "POST /run")
		must(t, err)
		same(t, "claimed", false, claimed)
		same(t, "answer", ci.Answer{Request: "POST /run", Status: 201, Body: []byte(`{"id":"rcommand00"}`)}, answer)
	}
	if release >= writesTokens {
		tokens, err := s.Tokens(ctx)
		must(t, err)
		want := versionToken()
		want.Used = tokens[0].Used
		same(t, "tokens", []ci.Token{want}, tokens)
		same(t, "used", false, want.Used.IsZero())
	}
	if release >= writesSessions {
		session, err := s.Session(ctx, "session1")
		must(t, err)
		want := versionSession()
		want.Created = session.Created
		same(t, "session", want, session)
	}
	if release >= writesApp {
		app, err := s.App(ctx)
		must(t, err)
		same(t, "app", versionApp(), app)
	}
}

// continueVersion goes on with what a release left: new runs and attempts, ends of jobs, and what is dropped.
func continueVersion(t *testing.T, s *store.Store, release int) {
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
	same(t, "number of the next run", int64(len(versionIDs(release))), next.Number) // the command has none

	job := launch(t, s, "yaci-rwaiting00-1", "uid-waiting")
	job.State = ci.Success
	job.Message = "Passed."
	job.Steps = versionSteps()
	observe(t, s, job)
	run, err := s.Run(ctx, "rwaiting00")
	must(t, err)
	same(t, "the run that waited", ci.Success, run.State)

	must(t, s.Settled(ctx, "yaci-rpassed000-1")) // earlier versions did not record it
	old, err := s.OldRuns(ctx, at(100), 0, 10)
	must(t, err)
	if !slices.Contains(old, "rpassed000") {
		t.Errorf("old runs %v", old)
	}
	must(t, s.DropRun(ctx, "rpassed000"))
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
