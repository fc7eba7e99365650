package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// versionTime is when the rows of all versions were written.
var versionTime = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return versionTime.Add(time.Duration(seconds) * time.Second) }

func versionSHA(digit string) ci.SHA { return ci.SHA(strings.Repeat(digit, 40)) }

func versionRepo() ci.Repo {
	return ci.Repo{
		ID:            11,
		Owner:         "Ada",
		Name:          "hello",
		Installation:  77,
		DefaultBranch: "main",
		OwnerID:       9,
	}
}

func versionEvents() map[ci.RunID]ci.Event {
	ada := ci.Actor{ID: 9, Login: "Ada"}
	eve := ci.Actor{ID: 13, Login: "eve"}
	return map[ci.RunID]ci.Event{
		"rpassed000": {
			Kind:   ci.Push,
			Repo:   versionRepo(),
			SHA:    versionSHA("a"),
			Ref:    "refs/heads/main",
			Branch: "main",
			Title:  "Add the sum; it's \"quoted\", ünïcode",
			Actor:  ada,
			Before: versionSHA("9"),
			At:     at(-60),
			SkipCI: true,
		},
		"rmatrix000": {
			Kind:     ci.PullRequest,
			Repo:     versionRepo(),
			SHA:      versionSHA("b"),
			Ref:      "refs/pull/7/head",
			Branch:   "topic",
			Title:    "Topic",
			Actor:    ada,
			Author:   ada,
			At:       at(-50),
			PR:       7,
			PRAction: "synchronize",
			PRBase:   "main",
			BaseSHA:  versionSHA("a"),
		},
		"rfailed000": {
			Kind:   ci.Tag,
			Repo:   versionRepo(),
			SHA:    versionSHA("c"),
			Ref:    "refs/tags/v1.0",
			Tag:    "v1.0",
			Title:  "Release",
			Actor:  ada,
			Object: versionSHA("d"),
		},
		"rcommand00": {
			Kind:      ci.API,
			Command:   "echo hello",
			Image:     "alpine:3",
			Requested: true,
			NotHead:   true,
		},
		"rwaiting00": {
			Kind:   ci.Push,
			Repo:   versionRepo(),
			SHA:    versionSHA("e"),
			Ref:    "refs/heads/later",
			Branch: "later",
			Title:  "Later",
			Actor:  eve,
		},
		"rbroken000": {
			Kind:   ci.Push,
			Repo:   versionRepo(),
			SHA:    versionSHA("f"),
			Ref:    "refs/heads/broken",
			Branch: "broken",
			Title:  "Break the file",
			Actor:  ada,
		},
		"rheld00000": {
			Kind:     ci.PullRequest,
			Repo:     versionRepo(),
			SHA:      versionSHA("1"),
			Ref:      "refs/pull/8/head",
			Branch:   "main",
			Title:    "From a fork",
			Actor:    eve,
			Author:   eve,
			PR:       8,
			PRAction: "opened",
			PRBase:   "main",
			Fork:     true,
			HeadBy:   eve,
		},
		"rapproved0": {
			Kind:     ci.PullRequest,
			Repo:     versionRepo(),
			SHA:      versionSHA("2"),
			Ref:      "refs/pull/9/head",
			Branch:   "patch",
			Title:    "Approved",
			Actor:    eve,
			Author:   eve,
			PR:       9,
			PRAction: "opened",
			PRBase:   "main",
			Fork:     true,
		},
	}
}

func versionSteps() []ci.Step {
	return []ci.Step{
		{
			Name:      "unit tests",
			Container: "unit-tests",
			State:     ci.Success,
			Started:   at(10),
			Finished:  at(12),
			Bytes:     400,
			Lines:     20,
			Allowed:   true,
			Reason:    "Exit 3.",
			Memory:    1 << 20,
			CPU:       1500,
			OOM:       1,
			Limit:     1 << 30,
			Attempts:  2,
		},
		{
			Name:      "lint",
			Container: "lint",
			State:     ci.Success,
			Started:   at(12),
			Finished:  at(13),
		},
	}
}

func versionServices() []ci.Service {
	return []ci.Service{{
		Name:      "db",
		Container: "svc-db",
		State:     ci.Success,
		Exit:      143,
		Started:   at(9),
		Finished:  at(13),
	}}
}

func versionJob(run ci.RunID, attempt int) ci.NewJob {
	name := ci.JobNameOf(run, attempt)
	steps := versionSteps()
	for i := range steps {
		steps[i] = ci.Step{Name: steps[i].Name, Container: steps[i].Container, State: ci.Queued}
	}
	return ci.NewJob{
		Name:     name,
		Run:      run,
		Attempt:  attempt,
		State:    ci.Queued,
		Message:  "Waiting.",
		Manifest: []byte(`{"kind":"Job","metadata":{"name":"` + string(name) + `"}}`),
		Files:    []byte(`{"plan.json":"[]","script-0":"` + string(name) + `"}`),
		Steps:    steps,
		Services: []ci.Service{{Name: "db", Container: "svc-db"}},
		CPU:      1500,
		Memory:   1 << 30,
		Disk:     2 << 30,
		Pool:     "builds",
		Images:   []ci.Image{{Name: "alpine:3"}},
	}
}

func versionRun(id ci.RunID, created int) *ci.Run {
	return &ci.Run{
		ID:         id,
		Event:      versionEvents()[id],
		Attempt:    1,
		State:      ci.Queued,
		Message:    "Waiting.",
		Created:    at(created),
		Supersedes: true,
		Identity:   "id-" + string(id),
	}
}

// versionReports plans commit statuses for all commits, and check runs for one.
func versionReports(commit ci.CommitRuns) []ci.Report {
	reporters := []string{report.StatusReporter}
	if len(commit.Runs) > 0 && commit.Runs[0].Run.Event.SHA == versionSHA("e") {
		reporters = append(reporters, report.CheckReporter)
	}
	return report.Plan(commit, reporters)
}

// versionRows fills every table through the store's methods.
func versionRows(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for i, name := range []string{"push", "pull_request", "star", "push", "push"} {
		d := ci.NewDelivery{
			HookID: 3,
			GUID:   fmt.Sprintf("guid-%d", i+1),
			Name:   name,
			Body:   []byte("{\"n\": " + fmt.Sprint(i) + "}\xff\x00"),
		}
		if name == "star" {
			d.Ignored = "Ignored: event star starts nothing."
		}
		d.Action = "opened"
		d.Repo = "Ada/hello"
		d.RepoID = 11
		if i == 3 {
			d.Ref = "refs/heads/gone"
			d.SHA = versionSHA("8")
			d.Origin = ci.Listed
		}
		must(t, s.AddDelivery(ctx, d))
	}
	ids := map[string]int64{}
	for range 5 {
		due, err := s.DueDeliveries(ctx, 10)
		must(t, err)
		for _, d := range due {
			ids[d.GUID] = d.ID
			switch d.GUID {
			case "guid-4", "guid-5":
				must(t, s.DeferDelivery(ctx, d.ID, "github: 502", 10*time.Minute))
			case "guid-1":
				writeRuns(t, s, d.ID)
			case "guid-2":
				must(t, s.IgnoreDelivery(ctx, d.ID, "Ignored: closed."))
			}
		}
	}
	must(t, s.FailDelivery(ctx, ids["guid-4"], "panic: no such thing"))
	writeRest(t, s)
}

// writeRuns creates runs in all states, each with its jobs; the first one ends a delivery.
func writeRuns(t *testing.T, s *store.Store, delivery int64) {
	ctx := t.Context()
	create := func(delivery int64, id ci.RunID, created int, jobs ...ci.NewJob) {
		t.Helper()
		run := versionRun(id, created)
		must(t, s.CreateRun(ctx, permit(run.Event), delivery, run, ci.NewAttempt{Jobs: jobs}))
	}

	create(delivery, "rpassed000", 0, versionJob("rpassed000", 1))
	job := launch(t, s, "yaci-rpassed000-1", "uid-passed")
	job.State = ci.Success
	job.Message = "Passed in 3.0s."
	job.Steps = versionSteps()
	job.Services = versionServices()
	job.Finished = at(30)
	observe(t, s, job)
	must(t, s.MarkCleanedUp(ctx, job.Name))

	var matrix []ci.NewJob
	for i, title := range []string{"unit go=1.25", "unit go=1.26", "deploy"} {
		j := versionJob("rmatrix000", 1)
		j.Name += ci.JobName(fmt.Sprintf("-%d", 10-i)) // not in the order of the names
		j.Title = title
		if title == "deploy" {
			j.Group, j.Limit = "11/deploy", 1
			j.Needs = []ci.JobName{matrix[0].Name, matrix[1].Name}
			j.When = ci.WhenAlways
		}
		matrix = append(matrix, j)
	}
	create(0, "rmatrix000", 1, matrix...)
	job = launch(t, s, matrix[0].Name, "uid-lost")
	job.Detail = "Node n1 is gone."
	lost, err := s.RecordInterruption(ctx, job, "the node went away")
	must(t, err)
	if !lost {
		t.Fatal("the job was not lost")
	}
	job = launch(t, s, matrix[0].Name, "uid-runs")
	job.WaitKey = "quota cpu"
	job.Message = "Waiting: the quota lacks CPU."
	job.Detail = "exceeded quota: builds"
	must(t, s.SaveWaitReason(ctx, job))

	create(0, "rfailed000", 2, versionJob("rfailed000", 1))
	job = launch(t, s, "yaci-rfailed000-1", "uid-failed")
	job.State = ci.Failure
	job.Message = "Step unit tests failed (exit 3)."
	job.Steps = versionSteps()
	job.Steps[0].State, job.Steps[0].Exit = ci.Failure, 3
	job.Finished = at(40)
	observe(t, s, job)
	again := *versionRun("rfailed000", 2)
	again.Attempt = 2
	attempt := ci.NewAttempt{Jobs: []ci.NewJob{versionJob("rfailed000", 2)}}
	added, err := s.AddAttempt(ctx, permit(again.Event), 0, again, attempt)
	must(t, err)
	if !added {
		t.Fatal("no second attempt")
	}

	command := versionJob("rcommand00", 1)
	create(0, "rcommand00", 3, command)
	launch(t, s, command.Name, "uid-command")
	create(0, "rwaiting00", 4, versionJob("rwaiting00", 1))
	must(
		t,
		s.SaveWaitReasons(
			ctx,
			[]ci.QueuePosition{{
				Job:     "yaci-rwaiting00-1",
				WaitKey: "all:soon",
				Message: "Waiting: 1st in line, 2 of 2 slots busy.",
			}},
		),
	)
	must(t, s.SaveImages(ctx, "yaci-rwaiting00-1", []ci.Image{{
		Name:       "alpine:3",
		Pinned:     "alpine@sha256:0123",
		Entrypoint: []string{"/bin/tool"},
		Cmd:        []string{"--all"},
	}}))

	broken := versionRun("rbroken000", 5)
	broken.State, broken.Finished = ci.Error, at(5)
	broken.Message = ".yaci.yml:1:3: unknown key."
	file := ci.BrokenFile{
		Content:  "x: y\n",
		Problems: []ci.Problem{{Line: 1, Column: 3, Text: "unknown key"}, {Line: 2, Column: 1, Text: "no steps"}},
	}
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, broken, ci.NewAttempt{Broken: file}))
	writeForks(t, s)
}

// writeForks creates a run of a fork that is held, and one that was approved and then superseded.
func writeForks(t *testing.T, s *store.Store) {
	ctx := t.Context()
	held := versionRun("rheld00000", 6)
	held.State, held.Message = ci.Held, "Waiting for approval."
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, held, ci.NewAttempt{Awaits: []int{}}))
	approved := versionRun("rapproved0", 7)
	approved.State, approved.Message = ci.Held, "Waiting for approval."
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, approved, ci.NewAttempt{}))
	approved.State, approved.Message = ci.Queued, "Waiting."
	approval := ci.Approval{
		SHA:    versionSHA("2"),
		Base:   "main",
		Digest: "digest",
		By:     ci.Actor{ID: 9, Login: "Ada"},
		Via:    "comment",
		At:     at(50),
	}
	changed, err := s.ApproveRun(
		ctx, permit(approved.Event),
		0,
		*approved,
		approval,
		ci.NewAttempt{Jobs: []ci.NewJob{versionJob("rapproved0", 1)}},
	)
	must(t, err)
	if !changed {
		t.Fatal("the run was not approved")
	}
	cancelled, err := s.Supersede(ctx, "rapproved0", versionSHA("3"), "Superseded by 3333333.")
	must(t, err)
	if !cancelled {
		t.Fatal("the run was not cancelled")
	}
}

func launch(t *testing.T, s *store.Store, name ci.JobName, uid string) ci.Job {
	t.Helper()
	must(t, s.MarkLaunched(t.Context(), name, uid))
	job, err := s.Job(t.Context(), name)
	must(t, err)
	return job
}

func observe(t *testing.T, s *store.Store, job ci.Job) {
	t.Helper()
	changed, err := s.Observe(t.Context(), job)
	must(t, err)
	if !changed {
		t.Fatalf("job %s did not change", job.Name)
	}
}

// writeRest fills the tables that belong to no run.
func writeRest(t *testing.T, s *store.Store) {
	ctx := t.Context()
	due, err := s.DueStatuses(ctx, 100)
	must(t, err)
	for _, st := range due {
		switch st.SHA {
		case versionSHA("a"):
			must(t, s.StatusSent(ctx, st, time.Minute))
		case versionSHA("c"):
			must(t, s.DeferStatus(ctx, st, "github: 502", time.Minute, true))
		case versionSHA("f"):
			must(t, s.DropStatus(ctx, st, false, "the commit is gone"))
		}
	}
	must(t, s.Pause(ctx, 78, time.Minute, true, "secondary rate limit"))
	must(t, s.SetCursor(ctx, "deliveries", at(70)))
	id := ci.LogID{UID: "uid-passed", Container: "unit-tests"}
	for seq := range 2 {
		must(t, s.AddLogChunk(ctx, id, "yaci-rpassed000-1", versionChunk(seq)))
	}
	must(t, s.CloseLog(ctx, ci.Log{
		ID:    id,
		Job:   "yaci-rpassed000-1",
		Note:  "The end is missing.",
		Error: 17,
	}))
	_, _, err = s.ClaimIdempotencyKey(ctx, "key-1", "POST /run")
	must(t, err)
	response := ci.IdempotentResponse{Status: 201, Body: []byte(`{"id":"rcommand00"}`)}
	must(t, s.SaveIdempotentResponse(ctx, "key-1", response))
	must(t, s.AddToken(ctx, versionToken()))
	must(t, s.MarkTokenUsed(ctx, "tok1"))
	must(t, s.AddSession(ctx, versionSession()))
	must(t, s.SaveApp(ctx, versionApp()))
	must(t, s.SaveRepoState(ctx, versionState()))
	must(t, s.AllowAccess(ctx, versionAccess()))
	_, err = s.Installation(ctx)
	must(t, err)
	_, err = s.ClaimRefusalNotice(ctx, 11, 8, 13, 4)
	must(t, err)
	_, err = s.PinGrants(ctx, []ci.GrantPin{{Grant: "grant-uid", Name: "ada/hello", ID: 11}}, []string{"grant-uid"})
	must(t, err)
	must(t, s.AwaitPull(ctx, ci.Event{Repo: versionRepo(), SHA: versionSHA("a"), PR: 12}))
}

func versionChunk(seq int) ci.LogChunk {
	return ci.LogChunk{
		Seq:    seq,
		First:  int64(1 + 10*seq),
		Offset: int64(200 * seq),
		Lines:  10,
		Bytes:  200,
		Inside: seq == 1,
		Cursor: ci.LogCursor{Time: at(11).Add(123456789), Same: 2, Open: 5},
	}
}

func versionToken() ci.Token {
	return ci.Token{
		ID:      "tok1",
		Name:    "laptop",
		Scope:   ci.ScopeRun,
		Hash:    []byte{0, 1, 0xff},
		Created: at(0),
		Expires: at(1000),
	}
}

func versionSession() ci.Session {
	return ci.Session{
		ID:     "session1",
		User:   ci.Actor{ID: 9, Login: "Ada"},
		Token:  []byte{0, 2, 0xfe},
		Access: ci.UserAccess{Private: []int64{11, 12}, Writable: []int64{11}, At: at(80)},
	}
}

func versionApp() ci.App {
	return ci.App{
		ID:            5,
		Slug:          "yaci-ada",
		Page:          "https://github.com/apps/yaci-ada",
		Key:           []byte("PEM"),
		WebhookSecret: "hook",
		ClientID:      "client",
		ClientSecret:  "secret",
		Created:       at(1),
	}
}

func versionState() ci.RepoState {
	return ci.RepoState{
		Repo:     versionRepo(),
		Archived: true,
		Updated:  at(-5),
		Answered: at(-4),
	}
}

func versionAccess() ci.RepoAccess {
	return ci.RepoAccess{
		Repo: ci.Repo{
			ID:           12,
			Owner:        "Ada",
			Name:         "lib",
			Installation: 77,
		},
		From: ci.Repo{
			ID:           11,
			Owner:        "Ada",
			Name:         "hello",
			Installation: 77,
		},
		By: ci.Actor{ID: 9, Login: "Ada"},
		At: at(90),
	}
}
