package report_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// printed is a log that is whole.
type printed string

func (p printed) Read(_ context.Context, _ ci.LogID, _ ci.LogRange, to func(ci.LogLine) error) error {
	return to(ci.LogLine{Number: 1, Text: []byte(p)})
}

func (p printed) Extent(context.Context, ci.LogID) (ci.LogExtent, error) {
	return ci.LogExtent{Lines: 1, Closed: true}, nil
}

// The outbox carries a check run beside each status, and GitHub takes both.
func TestStatusAndCheckReachGitHub(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	repo, err := hub.CreateRepo("ada/hello", true)
	fine(t, err)
	sha, err := repo.Commit("main", "Start", map[string]string{"main.go": "package main\n"}, hub.CreateUser("ada"))
	fine(t, err)
	app, err := github.New(github.Config{APIURL: hub.APIURL(), AppID: citest.AppID, AppKey: hub.AppKeyPEM()})
	fine(t, err)
	plan := report.Planner(report.StatusReporter, report.CheckReporter)
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"), store.WithReports(plan))
	fine(t, err)
	t.Cleanup(func() { db.Close() })
	run := ci.Run{
		ID:      "r1",
		Attempt: 1,
		State:   ci.Queued,
		Message: "Waiting.",
		Created: time.Now(),
		Event: ci.Event{
			Kind: ci.Push,
			Repo: ci.Repo{
				ID:           repo.ID,
				Owner:        "ada",
				Name:         "hello",
				Private:      true,
				Installation: citest.InstallationID,
			},
			SHA:    ci.SHA(sha),
			Ref:    "refs/heads/main",
			Branch: "main",
		},
	}
	queued := ci.NewJob{
		Name:     ci.JobNameOf(run.ID, 1),
		Run:      run.ID,
		Attempt:  1,
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
		Steps:    []ci.Step{{Name: "vet", Container: "1-vet", State: ci.Queued}},
	}
	fine(t, db.CreateRun(t.Context(), permit(run.Event), 0, &run, ci.NewAttempt{Jobs: []ci.NewJob{queued}}))
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	statuses, err := report.NewStatuses(app)
	fine(t, err)
	checks, err := report.NewChecks(report.ChecksConfig{
		Runs: db,
		Logs: printed("main.go:1:9: expected 'IDENT'\n"),
		API:  app,
	})
	fine(t, err)
	sender, err := report.NewSender(report.SenderConfig{
		Outbox:      db,
		Backoffs:    db,
		Reporters:   map[string]report.Reporter{report.StatusReporter: statuses, report.CheckReporter: checks},
		Classify:    github.ClassifyError,
		PublicURL:   "https://ci.test",
		VerifyAfter: time.Minute,
		Log:         log,
	})
	fine(t, err)
	sent := func(statuses, checks int) {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		for len(repo.Statuses(sha)) < statuses || len(repo.Checks(sha)) < checks {
			time.Sleep(10 * time.Millisecond)
			if time.Now().After(deadline) {
				t.Fatalf("%d statuses, %d checks", len(repo.Statuses(sha)), len(repo.Checks(sha)))
			}
			fine(t, sender.Pass(t.Context()))
			sender.Wait()
		}
	}
	sent(1, 1)
	fine(t, db.MarkLaunched(t.Context(), queued.Name, "u1"))
	job, err := db.Job(t.Context(), queued.Name)
	fine(t, err)
	job.State, job.Message = ci.Failure, "vet failed in 2.0s (exit 1)."
	job.Steps[0].State, job.Steps[0].Exit = ci.Failure, 1
	_, err = db.Observe(t.Context(), job)
	fine(t, err)
	for len(repo.Checks(sha)) < 2 || repo.Checks(sha)[len(repo.Checks(sha))-1].Status != "completed" {
		sent(len(repo.Statuses(sha)), len(repo.Checks(sha))+1)
	}
	c := repo.Checks(sha)[len(repo.Checks(sha))-1]
	if c.Name != "yaci" || c.Conclusion != "failure" || c.Title != "vet failed in 2.0s (exit 1)." {
		t.Errorf("check %s: %s: %s", c.Name, c.Conclusion, c.Title)
	}
	if c.ExternalID != "r1" || !strings.HasPrefix(c.DetailsURL, "https://ci.test/ada/hello/runs/1") {
		t.Errorf("check of run %s at %s", c.ExternalID, c.DetailsURL)
	}
	if !strings.Contains(c.Text, "expected 'IDENT'") {
		t.Errorf("text %q", c.Text)
	}
	if len(c.Annotations) != 1 || c.Annotations[0].Path != "main.go" || c.Annotations[0].StartColumn != 9 {
		t.Errorf("annotations %+v", c.Annotations)
	}
	for _, s := range repo.Statuses(sha) {
		if s.Context != ci.StatusContext {
			t.Errorf("a check was sent as the status %+v", s)
		}
	}
	due, err := db.StatusesToVerify(t.Context(), report.StatusReporter, 10)
	if err != nil || len(due) > 1 {
		t.Errorf("to be verified: %+v %v", due, err)
	}
}

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
