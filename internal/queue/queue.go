package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Runs reads jobs and runs, and records that a job was launched.
type Runs interface {
	JobWithSpec(ctx context.Context, name ci.JobName) (ci.JobWithSpec, error)
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	MarkLaunched(ctx context.Context, name ci.JobName, uid string) error
	SaveImages(ctx context.Context, name ci.JobName, images []ci.Image) error
}

// Outcomes records the end of a job that cannot start.
type Outcomes interface {
	Observe(ctx context.Context, job ci.Job) (bool, error)
}

// Tokens mints the token with which the clone container reads repositories. The error wraps ci.ErrNotFound if GitHub
// does not let YACI read the repository.
type Tokens interface {
	CloneToken(ctx context.Context, repo ci.Repo, others []ci.Repo) (ci.CloneAccess, error)
}

// Access returns the other repositories that the runs of a repository may read.
type Access interface {
	ReadableBy(ctx context.Context, repo int64) ([]ci.Repo, error)
}

// Launcher creates a job's objects in the cluster and returns the UID of its Kubernetes Job. A repeated call for the
// same job finds the existing objects. The error wraps ci.ErrRefused if the cluster will never accept the job.
type Launcher interface {
	Launch(ctx context.Context, launch ci.Launch) (uid string, err error)
}

// Renewer gives a launched job, whose pod has not started, a fresh clone token.
type Renewer interface {
	Renew(ctx context.Context, launch ci.Launch) error
}

// Registry looks up the command of an image. If anonymous is true, the operator's credentials must not be used. The
// error is a message for people; it wraps ci.ErrInvalid if a retry cannot succeed.
type Registry interface {
	Image(ctx context.Context, name string, anonymous bool) (ci.Image, error)
}

// Config holds the settings and dependencies of a Queue.
type Config struct {
	ReaderConfig

	Runs     Runs
	Outcomes Outcomes
	Tokens   Tokens
	Launcher Launcher
	Renewer  Renewer
	Log      *slog.Logger

	Access   Access               // nil: runs read no other repository
	Registry Registry             // nil: every step must set run
	CloneURL func(ci.Repo) string // the repository's URL at this moment; nil: the manifest's URL is used
	Wake     func()               // asks for a pass after an image lookup; nil: the job waits for the next pass
}

// Queue launches waiting jobs. Pass must not be called concurrently; the other methods may be.
type Queue struct {
	*Reader
	runs     Runs
	outcomes Outcomes
	tokens   Tokens
	launcher Launcher
	renewer  Renewer
	log      *slog.Logger
	access   Access
	registry Registry
	cloneURL func(ci.Repo) string
	wake     func()

	// The maps hold nothing that must survive a restart: a lost entry costs one more attempt.
	mu          sync.Mutex
	backoffs    map[ci.JobName]backoff
	lookups     map[ci.JobName]*imageLookup
	wakeLookups chan struct{}

	// Used by Pass only.
	renewedAt    map[ci.JobName]time.Time // when a job's token was last renewed
	readAt       time.Time                // when the last snapshot was complete
	readDuration time.Duration            // how long it took
}

// New returns a Queue. It returns an error if a required dependency is nil: all but those that Config documents as
// optional are.
func New(cfg Config) (*Queue, error) {
	reader, err := NewReader(cfg.ReaderConfig)
	if err != nil {
		return nil, err
	}
	switch {
	case cfg.Runs == nil, cfg.Outcomes == nil, cfg.Tokens == nil, cfg.Launcher == nil, cfg.Renewer == nil:
		return nil, errors.New("queue: Runs, Outcomes, Tokens, Launcher and Renewer must not be nil")
	case cfg.Log == nil:
		return nil, errors.New("queue: Log must not be nil")
	}
	q := &Queue{
		Reader:      reader,
		runs:        cfg.Runs,
		outcomes:    cfg.Outcomes,
		tokens:      cfg.Tokens,
		launcher:    cfg.Launcher,
		renewer:     cfg.Renewer,
		log:         cfg.Log,
		access:      cfg.Access,
		registry:    cfg.Registry,
		cloneURL:    cfg.CloneURL,
		wake:        cfg.Wake,
		backoffs:    map[ci.JobName]backoff{},
		lookups:     map[ci.JobName]*imageLookup{},
		wakeLookups: make(chan struct{}, 1),
		renewedAt:   map[ci.JobName]time.Time{},
	}
	reader.delayed = q.delayedJobs
	return q, nil
}

const (
	maxSavedReasons = 50 // wait reasons that one pass stores
	maxLaunches     = 8  // launches at the same time

	// idleFactor is how many times the duration of the last snapshot a pass waits before it takes the next one. With 4,
	// a long queue that is woken all the time uses at most 20 % of one core.
	idleFactor = 4
)

// Pass launches the jobs that may start now, and stores for the others why they wait.
func (q *Queue) Pass(ctx context.Context) error {
	q.idle(ctx)
	began := time.Now()
	s, err := q.snapshot(ctx)
	q.readAt = time.Now()
	q.readDuration = q.readAt.Sub(began)
	if err != nil {
		return err
	}

	savedKeys := map[ci.JobName]string{}
	for _, j := range s.Jobs {
		savedKeys[j.Job] = j.WaitKey
	}
	var launch []ci.JobName
	var changed []ci.QueuePosition // positions whose stored reason is out of date
	for _, p := range Plan(s) {
		switch {
		case p.Launch:
			launch = append(launch, p.Job)
		case p.Reason != ci.WaitTurn && p.WaitKey != savedKeys[p.Job] && len(changed) < maxSavedReasons:
			changed = append(changed, p)
		}
	}

	err = errors.Join(q.launchAll(ctx, launch), q.renewTokens(ctx, s))
	if len(changed) > 0 {
		err = errors.Join(err, q.jobs.SaveWaitReasons(ctx, changed))
	}
	return err
}

// idle waits between two snapshots; see idleFactor.
func (q *Queue) idle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(idleFactor*q.readDuration - time.Since(q.readAt)):
	}
}

// delayedJobs returns the jobs that this server does not launch now although it is their turn, with the reason.
func (q *Queue) delayedJobs() (launchFailed, lookups map[ci.JobName]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	launchFailed = map[ci.JobName]string{}
	for name, b := range q.backoffs {
		if time.Now().Before(b.until) {
			launchFailed[name] = "the launch failed; the server's log has the error"
		}
	}
	return launchFailed, q.lookupReasons()
}

// failJob ends a job that cannot start.
func (q *Queue) failJob(ctx context.Context, job ci.Job, message string) error {
	job.State = ci.Error
	job.Message = message
	_, err := q.outcomes.Observe(ctx, job)
	if err != nil {
		return fmt.Errorf("record the error of %s: %w", job.Name, err)
	}
	return nil
}
