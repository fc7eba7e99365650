package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// CreateRun stores a run with its jobs and its first status, and ends the delivery that led to it (0: none), all or
// nothing. It sets run.Number. If the same event already has a run, the delivery ends and nothing else happens. Jobs
// that are not finished need a permit for the event of the run; otherwise the error is [decide.ErrNoPermit], wrapped.
func (s *Store) CreateRun(
	ctx context.Context,
	permit decide.Permit,
	delivery int64,
	run *ci.Run,
	attempt ci.NewAttempt,
) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		event, err := encodeEvent(run.Event)
		if err != nil {
			return err
		}
		plans, err := s.fit(ctx, tx, run, &attempt)
		if err != nil {
			return err
		}
		repo := run.Event.Repo.ID
		if err := know(ctx, tx, run.Event.Repo); err != nil {
			return err
		}
		if repo != 0 {
			if run.Number, err = nextNumber(ctx, tx, repo); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(
			ctx,
			`INSERT INTO runs (id, number, repo_id, sha, kind, ref, event, attempt, state, message,
			  created, finished, branch, pr, actor, private, person, supersedes, identity)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT p.private FROM repos p WHERE p.id = ?), 1), ?, ?, ?) ON CONFLICT (repo_id, sha, kind, ref) WHERE sha <> '' DO NOTHING`,
			run.ID,
			run.Number,
			repo,
			run.Event.SHA,
			run.Event.Kind,
			run.Event.Ref,
			event,
			run.Attempt,
			run.State,
			run.Message,
			millis(
				run.Created,
			),
			millis(run.Finished),
			run.Event.Branch,
			run.Event.PR,
			strings.ToLower(run.Event.Actor.Login),
			repo,
			run.Event.Actor.ID,
			integer(run.Supersedes),
			run.Identity,
		)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			if err := s.endDelivery(ctx, tx, delivery, ci.DeliveryIgnored, "", "Ignored: this event already has a run."); err != nil {
				return err
			}
			return s.refreshStatuses(ctx, tx, repo, run.Event.SHA)
		}
		if repo != 0 {
			if err := keepNumber(ctx, tx, repo, run.Number); err != nil {
				return err
			}
		}
		return s.beginAttempt(ctx, tx, permit, *run, attempt, plans, delivery, fmt.Sprintf("Run %s.", run.ID))
	})
	if err != nil {
		return fmt.Errorf("create run %s: %w", run.ID, err)
	}
	return nil
}

// AddAttempt stores the next attempt of a finished run, and ends the delivery that asked for it (0: none). It reports
// false when the run is not finished, another attempt was faster, or its pull request has got another base since the
// run was read. The permit is as for [Store.CreateRun].
func (s *Store) AddAttempt(
	ctx context.Context,
	permit decide.Permit,
	delivery int64,
	run ci.Run,
	attempt ci.NewAttempt,
) (added bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		plans, err := s.fit(ctx, tx, &run, &attempt)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE runs SET attempt = ?, state = ?, message = ?, started = 0, finished = ?,
			  identity = ? WHERE id = ? AND attempt = ? AND retargets = ? AND finished > 0`,
			run.Attempt, run.State, run.Message, millis(run.Finished), run.Identity,
			run.ID, run.Attempt-1, run.Retargets)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return nil
		}
		added = true
		return s.beginAttempt(ctx, tx, permit, run, attempt, plans, delivery, fmt.Sprintf("Run %s again.", run.ID))
	})
	if err != nil {
		return false, fmt.Errorf("attempt %d of run %s: %w", run.Attempt, run.ID, err)
	}
	return added, nil
}

// beginAttempt stores what an attempt consists of, ends the delivery that it came from (0: none), and settles the run.
func (s *Store) beginAttempt(
	ctx context.Context,
	tx *sql.Tx,
	permit decide.Permit,
	run ci.Run,
	attempt ci.NewAttempt,
	plans []plan,
	delivery int64,
	reason string,
) error {
	if err := keepBroken(ctx, tx, run, attempt.Broken); err != nil {
		return err
	}
	if err := keepAwaits(ctx, tx, run.Event, attempt.Awaits); err != nil {
		return err
	}
	if err := s.addJobs(ctx, tx, permit, run.Event, attempt.Jobs, plans); err != nil {
		return err
	}
	if err := s.endDelivery(ctx, tx, delivery, ci.DeliveryDone, run.ID, reason); err != nil {
		return err
	}
	return s.settle(ctx, tx, run.ID, run.Attempt)
}

// addJobs stores the jobs of an attempt, if the gate permits them or all of them are finished, because they were
// skipped or keep an earlier result. It is the only way for a job into the database. [Store.settle] then decides which
// of them may be launched.
func (s *Store) addJobs(
	ctx context.Context,
	tx *sql.Tx,
	permit decide.Permit,
	ev ci.Event,
	jobs []ci.NewJob,
	plans []plan,
) error {
	if slices.ContainsFunc(jobs, func(j ci.NewJob) bool { return !j.State.Final() }) {
		if err := permit.Check(ev); err != nil {
			return err
		}
	}
	now := s.now().UnixMilli()
	for i, j := range jobs {
		if j.State.Final() && j.Finished.IsZero() { // skipped from the start
			j.Finished = s.now()
		}
		steps, err := encodeSteps(j.Steps)
		if err != nil {
			return err
		}
		services, err := encodeServices(j.Services)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(
			ctx,
			`INSERT INTO jobs (name, run, attempt, ordinal, title, state, message,
			  manifest, files, base, stored, images, steps, services, grp, grp_limit,
			  created, uid, started, finished, settled, cpu, memory, disk, pool, run_when)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			j.Name,
			j.Run,
			j.Attempt,
			i,
			j.Title,
			j.State,
			j.Message,
			plans[i].manifest,
			plans[i].files,
			plans[i].base,
			plans[i].size(),
			string(plans[i].images),
			steps,
			services,
			j.Group,
			j.Limit,
			now,
			j.UID,
			millis(j.Started),
			millis(j.Finished),
			integer(j.Settled),
			j.CPU,
			j.Memory,
			j.Disk,
			j.Pool,
			j.When,
		)
		if err != nil {
			return err
		}
		for _, need := range j.Needs {
			if _, err := tx.ExecContext(ctx, `INSERT INTO job_needs (job, need) VALUES (?, ?)`, j.Name, need); err != nil {
				return err
			}
		}
	}
	return nil
}

// integer returns b as it is stored: 1 or 0.
func integer(b bool) int {
	if b {
		return 1
	}
	return 0
}

const runColumns = `id, number, event, attempt, state, message, created, finished, started, retargets,
	identity, judged_until, supersedes, ` + currentRepo

// Run returns a run by its id, or ErrNotFound.
func (s *Store) Run(ctx context.Context, id ci.RunID) (ci.Run, error) {
	return scanRun(s.db.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, id))
}

// RunOf returns the run of an event's meaning, or ErrNotFound.
func (s *Store) RunOf(ctx context.Context, repo int64, sha ci.SHA, kind ci.Kind, ref string) (ci.Run, error) {
	return scanRun(
		s.db.QueryRowContext(
			ctx,
			`SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ? AND kind = ? AND ref = ?`,
			repo,
			sha,
			kind,
			ref,
		),
	)
}

func scanRun(row row) (r ci.Run, err error) {
	var event []byte
	var created, finished, started, judged int64
	var repo sql.NullString
	err = row.Scan(&r.ID, &r.Number, &event, &r.Attempt, &r.State, &r.Message, &created, &finished, &started, &r.Retargets,
		&r.Identity, &judged, &r.Supersedes, &repo)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("run: %w", ErrNotFound)
	}
	if err != nil {
		return r, fmt.Errorf("run: %w", err)
	}
	r.Created = moment(created)
	r.Finished = moment(finished)
	r.Started = moment(started)
	r.JudgedUntil = moment(judged)
	if r.Event, err = decodeEvent(event); err != nil {
		return r, fmt.Errorf("run %s: event: %w", r.ID, err)
	}
	return r, overlay(&r.Event.Repo, repo)
}
