package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// CreateRun stores a run with its first attempt and the statuses of its commit, and ends the delivery that led to it
// (0: none). It sets run.Number. If the same event has a run already, the delivery ends and nothing else happens. Jobs
// that have not ended need a permit for the event of the run; otherwise the error is [decide.ErrNoPermit], wrapped.
func (s *Store) CreateRun(
	ctx context.Context, permit decide.Permit, delivery int64, run *ci.Run, attempt ci.NewAttempt,
) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		repo := run.Event.Repo.ID
		specs, err := s.fitSpecs(ctx, tx, run, &attempt)
		if err != nil {
			return err
		}
		private, err := addRepo(ctx, tx, run.Event.Repo)
		if err != nil {
			return err
		}
		if repo != 0 {
			if run.Number, err = nextNumber(ctx, tx, repo); err != nil {
				return err
			}
		}
		row, err := rowOfNewRun(*run, private)
		if err != nil {
			return err
		}
		created, err := changes(ctx, tx, insertRun, valuesOf(row)...)
		if err != nil {
			return err
		}
		if !created {
			const why = "Ignored: this event already has a run."
			if err := s.endDelivery(ctx, tx, delivery, ci.DeliveryIgnored, "", why); err != nil {
				return err
			}
			return s.refreshStatuses(ctx, tx, repo, run.Event.SHA)
		}
		if repo != 0 {
			if err := keepNumber(ctx, tx, repo, run.Number); err != nil {
				return err
			}
		}
		return s.beginAttempt(ctx, tx, newAttempt{
			NewAttempt: attempt,
			permit:     permit,
			run:        *run,
			specs:      specs,
			delivery:   delivery,
			reason:     fmt.Sprintf("Run %s.", run.ID),
		})
	})
	if err != nil {
		return fmt.Errorf("create run %s: %w", run.ID, err)
	}
	return nil
}

// attemptRow has the columns of a run that every new attempt writes.
type attemptRow struct {
	Attempt  int       `sql:"attempt"`
	State    ci.State  `sql:"state"`
	Message  string    `sql:"message"`
	Started  timestamp `sql:"started"`
	Finished timestamp `sql:"finished"`
	Identity string    `sql:"identity"`
}

// replacedRow has the columns of a run that a new attempt for another event writes as well.
type replacedRow struct {
	Event      []byte `sql:"event"`
	Retargets  int    `sql:"retargets"`
	Branch     string `sql:"branch"`
	Actor      string `sql:"actor"` // in lower case
	Person     int64  `sql:"person"`
	Supersedes bool   `sql:"supersedes"`
	Superseded ci.SHA `sql:"superseded"`
	attemptRow
}

var (
	nextAttempt = `UPDATE runs SET ` + assignmentsOf[attemptRow]() + `
		WHERE id = ? AND attempt = ? AND retargets = ? AND finished > 0`
	replaceAttempt = `UPDATE runs SET ` + assignmentsOf[replacedRow]() + ` WHERE id = ? AND attempt = ?`
)

func rowOfAttempt(run ci.Run) attemptRow {
	return attemptRow{
		Attempt:  run.Attempt,
		State:    run.State,
		Message:  run.Message,
		Finished: timestamp{run.Finished},
		Identity: run.Identity,
	}
}

// AddAttempt stores the next attempt of a run that has ended, and ends the delivery that asked for it (0: none).
// run.Attempt is the number of the new attempt. It reports false, and changes nothing, if the run has not ended,
// another attempt was faster, or the pull request has got another base since the run was read. The permit is as for
// [Store.CreateRun].
func (s *Store) AddAttempt(
	ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, attempt ci.NewAttempt,
) (added bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		specs, err := s.fitSpecs(ctx, tx, &run, &attempt)
		if err != nil {
			return err
		}
		added, err = changes(ctx, tx, nextAttempt,
			valuesOf(rowOfAttempt(run), run.ID, run.Attempt-1, run.Retargets)...)
		if err != nil || !added {
			return err
		}
		return s.beginAttempt(ctx, tx, newAttempt{
			NewAttempt: attempt,
			permit:     permit,
			run:        run,
			specs:      specs,
			delivery:   delivery,
			reason:     fmt.Sprintf("Run %s again.", run.ID),
		})
	})
	if err != nil {
		return false, fmt.Errorf("attempt %d of run %s: %w", run.Attempt, run.ID, err)
	}
	return added, nil
}

// ReplaceAttempt starts a new attempt of a run for a new event of its commit, which the verdict of the old attempt
// does not cover. It cancels what has not ended of the old attempt, and ends the delivery (0: none). run is the run
// with the new event, the number of the new attempt, and the count of base branches: a new base voids the approval.
// It reports false, and changes nothing, if another attempt was faster. The permit is as for [Store.CreateRun].
func (s *Store) ReplaceAttempt(
	ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, attempt ci.NewAttempt,
) (replaced bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		specs, err := s.fitSpecs(ctx, tx, &run, &attempt)
		if err != nil {
			return err
		}
		event, err := encodeEvent(run.Event)
		if err != nil {
			return err
		}
		replaced, err = changes(ctx, tx, replaceAttempt, valuesOf(replacedRow{
			Event:      event,
			Retargets:  run.Retargets,
			Branch:     run.Event.Branch,
			Actor:      strings.ToLower(run.Event.Actor.Login),
			Person:     run.Event.Actor.ID,
			Supersedes: run.Supersedes,
			attemptRow: rowOfAttempt(run),
		}, run.ID, run.Attempt-1)...)
		if err != nil || !replaced {
			return err
		}
		const why = "Cancelled: replaced by a new attempt."
		if err := cancelAttempt(ctx, tx, run.ID, run.Attempt-1, why, s.now()); err != nil {
			return err
		}
		return s.beginAttempt(ctx, tx, newAttempt{
			NewAttempt: attempt,
			permit:     permit,
			run:        run,
			specs:      specs,
			delivery:   delivery,
			reason:     fmt.Sprintf("Attempt %d of run %s.", run.Attempt, run.ID),
		})
	})
	if err != nil {
		return false, fmt.Errorf("attempt %d of run %s: %w", run.Attempt, run.ID, err)
	}
	return replaced, nil
}

// approvalRow is a row of approvals.
type approvalRow struct {
	SHA     ci.SHA    `sql:"sha"`
	Base    string    `sql:"base"`
	Digest  string    `sql:"digest"`
	ByID    int64     `sql:"by_id"`
	ByLogin string    `sql:"by_login"`
	Via     string    `sql:"via"`
	At      timestamp `sql:"at"`
}

// newApprovalRow is a row of approvals with its key.
type newApprovalRow struct {
	Run       ci.RunID `sql:"run"`
	Retargets int      `sql:"retargets"`
	approvalRow
}

var insertApproval = insertInto[newApprovalRow]("approvals") + `
	ON CONFLICT (run, retargets) DO UPDATE SET sha = excluded.sha, base = excluded.base, digest = excluded.digest,
	  by_id = excluded.by_id, by_login = excluded.by_login, via = excluded.via, at = excluded.at`

// Approval returns the approval of a run for its present base, or nil.
func (s *Store) Approval(ctx context.Context, run ci.Run) (*ci.Approval, error) {
	found, err := scanRow[approvalRow](s.db.QueryRowContext(ctx,
		`SELECT `+columnsOf[approvalRow]()+` FROM approvals WHERE run = ? AND retargets = ?`, run.ID, run.Retargets))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("approval of run %s: %w", run.ID, err)
	}
	return &ci.Approval{
		SHA:    found.SHA,
		Base:   found.Base,
		Digest: found.Digest,
		By:     ci.Actor{ID: found.ByID, Login: found.ByLogin},
		Via:    found.Via,
		At:     found.At.Time,
	}, nil
}

// ApproveRun stores an approval, and lets the held attempt that it is for begin. It ends the delivery (0: none). It
// reports false, and changes nothing, if the run is not held any more or its pull request has got another base since
// the run was read. The permit is as for [Store.CreateRun].
func (s *Store) ApproveRun(
	ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, approval ci.Approval, attempt ci.NewAttempt,
) (approved bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		specs, err := s.fitSpecs(ctx, tx, &run, &attempt)
		if err != nil {
			return err
		}
		const begin = `UPDATE runs SET state = ?, message = ?, finished = ?
			WHERE id = ? AND attempt = ? AND retargets = ? AND state = 'held' AND finished = 0`
		approved, err = changes(ctx, tx, begin,
			run.State, run.Message, millis(run.Finished), run.ID, run.Attempt, run.Retargets)
		if err != nil || !approved {
			return err
		}
		_, err = tx.ExecContext(ctx, insertApproval, valuesOf(newApprovalRow{
			Run:       run.ID,
			Retargets: run.Retargets,
			approvalRow: approvalRow{
				SHA:     approval.SHA,
				Base:    approval.Base,
				Digest:  approval.Digest,
				ByID:    approval.By.ID,
				ByLogin: approval.By.Login,
				Via:     approval.Via,
				At:      timestamp{approval.At},
			},
		})...)
		if err != nil {
			return err
		}
		return s.beginAttempt(ctx, tx, newAttempt{
			NewAttempt: attempt,
			permit:     permit,
			run:        run,
			specs:      specs,
			delivery:   delivery,
			reason:     fmt.Sprintf("Approved run %s.", run.ID),
		})
	})
	if err != nil {
		return false, fmt.Errorf("approve run %s: %w", run.ID, err)
	}
	return approved, nil
}

// newAttempt is an attempt with what beginAttempt needs to store it.
type newAttempt struct {
	ci.NewAttempt
	permit   decide.Permit
	run      ci.Run       // with the number of the attempt
	specs    []storedSpec // of the jobs
	delivery int64        // that it came from; 0: none
	reason   string       // of the delivery's end, a sentence
}

// beginAttempt stores what an attempt consists of, and ends the delivery that it came from. The run's own row must have
// been written.
func (s *Store) beginAttempt(ctx context.Context, tx *sql.Tx, attempt newAttempt) error {
	if err := addBrokenFile(ctx, tx, attempt); err != nil {
		return err
	}
	if err := keepAwaits(ctx, tx, attempt.run.Event, attempt.Awaits); err != nil {
		return err
	}
	if err := s.addJobs(ctx, tx, attempt); err != nil {
		return err
	}
	if err := s.endDelivery(ctx, tx, attempt.delivery, ci.DeliveryDone, attempt.run.ID, attempt.reason); err != nil {
		return err
	}
	return s.updateAttempt(ctx, tx, attempt.run.ID, attempt.run.Attempt)
}

// addBrokenFile stores the file of an attempt, if it has problems.
func addBrokenFile(ctx context.Context, tx *sql.Tx, attempt newAttempt) error {
	if len(attempt.Broken.Problems) == 0 {
		return nil
	}
	problems, err := encodeProblems(attempt.Broken.Problems)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO run_problems (run, attempt, file, problems) VALUES (?, ?, ?, ?)`,
		attempt.run.ID, attempt.run.Attempt, attempt.Broken.Content, problems)
	return err
}

// BrokenFile returns the file of an attempt that had problems, or ErrNotFound.
func (s *Store) BrokenFile(ctx context.Context, run ci.RunID, attempt int) (file ci.BrokenFile, err error) {
	var problems []byte
	err = s.db.QueryRowContext(ctx, `SELECT file, problems FROM run_problems WHERE run = ? AND attempt = ?`, run, attempt).
		Scan(&file.Content, &problems)
	if errors.Is(err, sql.ErrNoRows) {
		return file, fmt.Errorf("broken file of run %s: %w", run, ErrNotFound)
	}
	if err == nil {
		file.Problems, err = decodeProblems(problems)
	}
	if err != nil {
		return file, fmt.Errorf("broken file of run %s: %w", run, err)
	}
	return file, nil
}

// CancelRun ends a run, and what has not ended of its newest attempt. reason is a sentence. It reports false, and
// changes nothing, for a run that has ended before; for one that does not exist the error is ErrNotFound. The watcher
// stops what of it is in the cluster.
func (s *Store) CancelRun(ctx context.Context, id ci.RunID, reason string) (cancelled bool, err error) {
	return s.cancel(ctx, id, reason, "")
}

// Supersede is CancelRun because of a newer commit.
func (s *Store) Supersede(ctx context.Context, id ci.RunID, newer ci.SHA, reason string) (cancelled bool, err error) {
	return s.cancel(ctx, id, reason, newer)
}

func (s *Store) cancel(ctx context.Context, id ci.RunID, reason string, newer ci.SHA) (cancelled bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		run, err := findRun(ctx, tx, `id = ?`, id)
		if err != nil || run.State.Final() {
			return err
		}
		cancelled = true
		run.State = ci.Cancelled
		run.Message = reason
		run.Finished = s.now()
		const end = `UPDATE runs SET state = ?, message = ?, finished = ?, superseded = ? WHERE id = ? AND finished = 0`
		if _, err := tx.ExecContext(ctx, end, run.State, reason, millis(run.Finished), newer, id); err != nil {
			return err
		}
		if err := cancelAttempt(ctx, tx, id, run.Attempt, reason, run.Finished); err != nil {
			return err
		}
		if err := deleteSpecs(ctx, tx, id); err != nil {
			return err
		}
		jobs, err := attemptJobs(ctx, tx, id, run.Attempt)
		if err != nil {
			return err
		}
		return s.enqueueStatuses(ctx, tx, run, jobs)
	})
	if err != nil {
		return false, fmt.Errorf("cancel run %s: %w", id, err)
	}
	return cancelled, nil
}

// cancelAttempt ends the jobs of an attempt that have not ended. reason is a sentence.
func cancelAttempt(ctx context.Context, tx *sql.Tx, id ci.RunID, attempt int, reason string, now time.Time) error {
	jobs, err := attemptJobs(ctx, tx, id, attempt)
	if err != nil {
		return err
	}
	for i := range jobs {
		if jobs[i].State.Final() {
			continue
		}
		jobs[i].State = ci.Cancelled
		jobs[i].Message = reason
		jobs[i].Finished = now
		if err := endJob(ctx, tx, &jobs[i]); err != nil {
			return err
		}
	}
	return nil
}
