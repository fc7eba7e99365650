package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// Jobs is the part of the database that the queue reads and writes.
type Jobs interface {
	Contenders(ctx context.Context) ([]ci.Contender, error)
	Spent(ctx context.Context, since time.Time, limit int) ([]ci.Spent, error)
	SaveWaitReasons(ctx context.Context, places []ci.Place) error
}

// Runs finds what is launched, and records its launch, or its end when it cannot start.
type Runs interface {
	Job(ctx context.Context, name ci.JobName) (ci.Job, error)
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	Launched(ctx context.Context, name ci.JobName, uid string) error
	SaveImages(ctx context.Context, name ci.JobName, images []ci.Image) error
}

// Outcomes records the end of a job that cannot start.
type Outcomes interface {
	Observe(ctx context.Context, job ci.Job) (bool, error)
}

// Tokens mints what the clone container needs. The error is ci.ErrNotFound,
// wrapped, when GitHub does not let YACI read the repository at all.
type Tokens interface {
	CloneToken(ctx context.Context, repo ci.Repo, others []ci.Repo) (ci.CloneAccess, error)
}

// Access tells which other repositories the runs of one may read.
type Access interface {
	ReadableBy(ctx context.Context, repo int64) ([]ci.Repo, error)
}

// Launcher makes a job's objects in the cluster and returns the UID of its Job.
// Called again for the same job it finds what it made. The error is
// ci.ErrRefused, wrapped, when the cluster will never take this job.
type Launcher interface {
	Launch(ctx context.Context, launch ci.Launch) (uid string, err error)
}

// Cluster tells how many of these jobs, which were launched, are on their way to
// a node, and for which of them the scheduler finds none.
type Cluster interface {
	Unplaced(jobs []ci.JobName) (underway int, blocked []ci.Obstacle)
}

// Queue launches waiting jobs. One goroutine at a time may call Pass.
type Queue struct {
	Clock    ci.Clock // of the database
	Jobs     Jobs
	Runs     Runs
	Outcomes Outcomes
	Tokens   Tokens
	Access   Access // nil: no other repository is read
	Launcher Launcher
	Renewer  Renewer
	Cluster  Cluster
	Registry Registry // nil: steps need run
	Wake     func()   // called when a job can be launched that waited for a registry; nil: the clock does it
	Caps     Caps
	CloneURL func(ci.Repo) string // where a repository is now; nil: where the manifest says
	Handover bool                 // to Kueue: it has the caps and knows the cluster's room
	Log      *slog.Logger

	mu    sync.Mutex
	later map[ci.JobName]pause // forgetting it costs a try

	inquiries map[ci.JobName]*inquiry // forgetting it costs a try, too
	asksOnce  sync.Once
	asksWake  chan struct{}

	renewed map[ci.JobName]time.Time // when a token was; only Pass has it
	read    time.Time                // when a pass had read what it plans from, and how long that took
	took    time.Duration
}

// pause is how long a job that could not be launched lets others go first.
type pause struct {
	tries int
	until time.Time
}

const (
	inFlight   = 25             // jobs that may be on their way to a node at once, so that a full cluster is noticed
	window     = 24 * time.Hour // of history
	maxRecent  = 2000           // jobs of history
	tellAtMost = 50             // waiting jobs are told anew in one pass
	launchers  = 8              // launches at once
	// times as long as reading took the next one waits, so that a long queue has a fifth of a core
	restFor = 4
)

// Pass launches what may be launched now, and tells the others why they wait.
func (q *Queue) Pass(ctx context.Context) error {
	q.rest(ctx)
	began := time.Now()
	s, err := q.scene(ctx)
	q.read, q.took = time.Now(), time.Since(began)
	if err != nil {
		return err
	}
	told := map[ci.JobName]string{}
	for _, j := range s.Jobs {
		told[j.Job] = j.Waits
	}
	var tell []ci.Place
	var start []ci.JobName
	for _, p := range Plan(s) {
		switch {
		case p.Launch:
			start = append(start, p.Job)
		case p.Reason != ci.WaitTurn && p.Key != told[p.Job] && len(tell) < tellAtMost:
			tell = append(tell, p)
		}
	}
	err = errors.Join(q.launchAll(ctx, start), q.renew(ctx, s))
	if len(tell) > 0 {
		err = errors.Join(err, q.Jobs.SaveWaitReasons(ctx, tell))
	}
	return err
}

// rest keeps a queue that is rung all the time from reading all the time.
func (q *Queue) rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(restFor*q.took - time.Since(q.read)):
	}
}

// Line is everything that waits, in order.
func (q *Queue) Line(ctx context.Context) ([]ci.Place, error) {
	s, err := q.scene(ctx)
	if err != nil {
		return nil, err
	}
	s.Room = 0
	return Plan(s), nil
}

// scene reads what a plan needs. History matters only when somebody has to wait.
func (q *Queue) scene(ctx context.Context) (Scene, error) {
	s := Scene{Now: q.Clock.Now(), Caps: q.Caps, Room: math.MaxInt}
	var err error
	if s.Jobs, err = q.Jobs.Contenders(ctx); err != nil {
		return s, err
	}
	var running []ci.JobName
	ready := 0
	for _, j := range s.Jobs {
		switch {
		case j.State == ci.Running:
			running = append(running, j.Job)
			if reason, lacks := ci.ParseWait(j.Waits); reason == ci.WaitQuota {
				s.Blocked = append(s.Blocked, ci.Obstacle{
					Job:   j.Job,
					Lacks: lacks,
					Quota: true,
					Why:   "the quota of the namespace is used up",
				})
			}
		case j.Ready:
			ready++
		}
	}
	s.Trouble, s.Asking = q.trouble(), q.unknownImages()
	if q.Handover {
		s.Caps, s.Blocked = Caps{}, nil
		return s, nil
	}
	underway, blocked := q.Cluster.Unplaced(running)
	s.Room = max(inFlight-underway, 0)
	s.Blocked = append(s.Blocked, blocked...)
	if ready > min(s.Room, s.Caps.All-len(running)) || len(s.Blocked) > 0 || s.Caps.PerRepo > 0 || s.Caps.PerPerson > 0 {
		s.Recent, err = q.Jobs.Spent(ctx, s.Now.Add(-window), maxRecent)
	}
	return s, err
}

// trouble are the jobs that let others go first now.
func (q *Queue) trouble() map[ci.JobName]string {
	q.mu.Lock()
	defer q.mu.Unlock()
	found := map[ci.JobName]string{}
	for name, p := range q.later {
		if time.Now().Before(p.until) {
			found[name] = "its launch ended in an error, which the server's log has"
		}
	}
	return found
}

// launchAll launches several at once: a token takes GitHub a while.
func (q *Queue) launchAll(ctx context.Context, names []ci.JobName) error {
	errs := make([]error, len(names))
	slots := make(chan struct{}, launchers)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		if ctx.Err() != nil { // the server is shutting down: what has not begun is the next one's
			break
		}
		wg.Go(func() {
			errs[i] = q.try(ctx, name)
			<-slots
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// try launches a job, and has it wait a while when that fails.
func (q *Queue) try(ctx context.Context, name ci.JobName) error {
	err := q.launch(ctx, name)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		delete(q.later, name)
		return nil
	}
	if q.later == nil {
		q.later = map[ci.JobName]pause{}
	}
	// cancelled meanwhile
	maps.DeleteFunc(q.later, func(_ ci.JobName, p pause) bool { return time.Since(p.until) > time.Hour })
	q.later[name] = q.later[name].longer()
	return fmt.Errorf("launch %s: %w", name, err)
}

// longer doubles the pause, from one second to five minutes.
func (p pause) longer() pause {
	return pause{p.tries + 1, time.Now().Add(min(time.Second<<min(p.tries, 10), 5*time.Minute))}
}

// launch gives a job its place in the cluster. One that can never have it ends.
func (q *Queue) launch(ctx context.Context, name ci.JobName) error {
	job, err := q.Runs.Job(ctx, name)
	if err != nil || job.State != ci.Queued {
		return err // cancelled a moment ago
	}
	run, err := q.Runs.Run(ctx, job.Run)
	if err != nil {
		return err
	}
	if !job.ImagesKnown() {
		q.inquire(job.Name, run)
		return nil
	}
	launch := ci.Launch{Job: job}
	if run.Event.Repo.ID != 0 {
		launch.Access, err = q.cloneAccess(ctx, run)
		if errors.Is(err, ci.ErrNotFound) {
			return q.end(
				ctx,
				job,
				fmt.Sprintf(
					"GitHub does not let YACI read %s: install the GitHub App on it, then retry.",
					run.Event.Repo.FullName(),
				),
			)
		}
		if err != nil {
			return err
		}
	}
	if q.CloneURL != nil && run.Event.Repo.ID != 0 { // its name may have passed on since the manifest was made
		launch.CloneURL = q.CloneURL(run.Event.Repo)
	}
	ctx, cancel := lingering(ctx, launchGrace) // so that a server that is told to end finishes the launch in hand
	defer cancel()
	uid, err := q.Launcher.Launch(ctx, launch)
	switch {
	case errors.Is(err, ci.ErrInvalid):
		return q.end(ctx, job, sentenceOf(err))
	case errors.Is(err, ci.ErrRefused):
		return q.end(ctx, job, "The cluster does not take the job: "+err.Error())
	case err != nil:
		return err
	}
	q.Log.Info("launched", "run", run.ID, "job", job.Name, "repo", run.Event.Repo.FullName(), "sha", run.Event.SHA.Short())
	failpoint.Hit(failpoint.JobMade)
	if err := q.Runs.Launched(ctx, job.Name, uid); err != nil {
		return err
	}
	failpoint.Hit(failpoint.JobLaunched)
	return nil
}

// launchGrace is how long a launch may go on, once it has begun, when this server leads no more or is to end. A Job
// that is made and not recorded is launched a second time by the next leader.
const launchGrace = 3 * time.Second

// lingering returns a context that ends a while after another one.
func lingering(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(grace):
			cancel()
		}
	})
	return longer, func() { stop(); cancel() }
}

// cloneAccess mints what the clone container of a run's jobs reads repositories with. Runs of forks read none beside
// their own: their code is a stranger's.
func (q *Queue) cloneAccess(ctx context.Context, run ci.Run) (ci.CloneAccess, error) {
	var others []ci.Repo
	if q.Access != nil && !run.Event.Fork {
		var err error
		if others, err = q.Access.ReadableBy(ctx, run.Event.Repo.ID); err != nil {
			return ci.CloneAccess{}, err
		}
	}
	return q.Tokens.CloneToken(ctx, run.Event.Repo, others)
}

func (q *Queue) end(ctx context.Context, job ci.Job, why string) error {
	job.State, job.Message = ci.Error, why
	_, err := q.Outcomes.Observe(ctx, job)
	return err
}
