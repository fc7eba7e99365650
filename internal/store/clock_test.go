package store_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

// behind opens a database whose clock is an hour behind this machine's.
func behind(t *testing.T) (*store.Store, string) {
	t.Helper()
	url := postgres.URL(t)
	direct, err := sql.Open("pgx", url)
	must(t, err)
	defer direct.Close()
	_, err = direct.Exec(`CREATE SCHEMA past; CREATE FUNCTION past.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
		$$ SELECT pg_catalog.clock_timestamp() - interval '1 hour' $$`)
	must(t, err)
	url += "&search_path=past,pg_catalog"
	return open(t, url), url
}

// near reports whether a time is that of the database, an hour ago.
func near(at time.Time) bool { return time.Since(at.Add(time.Hour)).Abs() < 10*time.Minute }

// What is stored, and what is due, goes by the database's clock, however wrong the server's own is.
func TestH5TimesAreTheDatabases(t *testing.T) {
	s, url := behind(t)
	ctx := t.Context()
	if !near(s.Now()) {
		t.Errorf("the database's time is %v", s.Now())
	}
	must(t, s.AddDelivery(ctx, delivery("g")))
	due, err := s.DueDeliveries(ctx, 10)
	must(t, err)
	if len(due) != 1 || !near(due[0].Received) || !near(due[0].Due) {
		t.Errorf("due %+v", due)
	}
	run, jobs := pushRun("r1", "refs/heads/main")
	run.Created = s.Now()
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	must(t, s.MarkLaunched(ctx, jobs[0].Name, "uid-1"))
	job, err := s.Job(ctx, jobs[0].Name)
	must(t, err)
	job.State = ci.Success
	_, err = s.Observe(ctx, job)
	must(t, err)
	job, err = s.Job(ctx, jobs[0].Name)
	must(t, err)
	if !near(job.Created) || !near(job.Started) || !near(job.Finished) {
		t.Errorf("created %v, started %v, finished %v", job.Created, job.Started, job.Finished)
	}
	st := mustDue(t, s)
	if len(st) == 0 || !near(st[0].Written) {
		t.Errorf("statuses %+v", st)
	}
	h, err := store.Examine(ctx, url)
	must(t, err)
	if off := h.Skew - time.Hour; off.Abs() > 10*time.Minute {
		t.Errorf("yaci doctor measures a difference of %v", h.Skew)
	}
}

// Postgres refuses writes on a connection to a standby. It is closed, and the next one may lead to the primary.
func TestH3ReadOnlyConnectionIsNotUsedAgain(t *testing.T) {
	url := postgres.URL(t)
	s := open(t, url)
	must(t, s.Writable(t.Context()))
	direct, err := sql.Open("pgx", url)
	must(t, err)
	defer direct.Close()
	standby := func(on string) {
		t.Helper()
		_, err := direct.Exec(
			`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = ` + on + `', current_database()); END $$`,
		)
		must(t, err)
	}
	standby("on")
	replica := open(t, url)
	if err := replica.Writable(t.Context()); err == nil {
		t.Error("a database that is read-only counts as one that takes writes")
	}
	if err := replica.AddDelivery(t.Context(), delivery("refused")); err == nil {
		t.Error("a read-only database took a delivery")
	}
	standbyOff, err := sql.Open("pgx", url+"&default_transaction_read_only=off")
	must(t, err)
	defer standbyOff.Close()
	_, err = standbyOff.Exec(
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$`,
	)
	must(t, err)
	must(t, replica.AddDelivery(t.Context(), delivery("taken")))
}
