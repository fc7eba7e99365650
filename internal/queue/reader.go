package queue

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Jobs is the part of the database that the queue reads and writes.
type Jobs interface {
	UnfinishedJobs(ctx context.Context) ([]ci.QueuedJob, error)
	RecentUsage(ctx context.Context, since time.Time, limit int) ([]ci.Usage, error)
	SaveWaitReasons(ctx context.Context, positions []ci.QueuePosition) error
}

// Cluster counts which of the launched jobs have no node yet, and returns an obstacle for each that the scheduler
// cannot place.
type Cluster interface {
	Unplaced(jobs []ci.JobName) (pending int, blocked []ci.Obstacle)
}

// ReaderConfig holds the settings and dependencies of a Reader.
type ReaderConfig struct {
	Clock    ci.Clock // the database's; nil: this machine's
	Jobs     Jobs
	Cluster  Cluster // nil: all launched jobs count as placed
	Limits   Limits
	UseKueue bool // Kueue enforces limits and knows the cluster's room, so the queue does not
}

// Reader computes the positions of waiting jobs. Servers that do not lead use it, since they launch nothing.
type Reader struct {
	clock    ci.Clock
	jobs     Jobs
	cluster  Cluster
	limits   Limits
	useKueue bool

	// delayed returns Snapshot.LaunchFailed and Snapshot.Lookups, which only the leader knows; nil: none.
	delayed func() (launchFailed, lookups map[ci.JobName]string)
}

// NewReader returns a Reader, or an error if Jobs is nil.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	if cfg.Jobs == nil {
		return nil, errors.New("queue: Jobs must not be nil")
	}
	return &Reader{
		clock:    cfg.Clock,
		jobs:     cfg.Jobs,
		cluster:  cfg.Cluster,
		limits:   cfg.Limits,
		useKueue: cfg.UseKueue,
	}, nil
}

const (
	maxPending   = 25             // launched jobs without a node at the same time, so that a full cluster is noticed
	usagePeriod  = 24 * time.Hour // how far back usage counts
	maxUsageJobs = 2000           // finished jobs that are read for it
)

// Positions returns all waiting jobs in order.
func (r *Reader) Positions(ctx context.Context) ([]ci.QueuePosition, error) {
	s, err := r.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	s.Room = 0
	return Plan(s), nil
}

// snapshot reads what Plan needs. Usage is read only if somebody has to wait.
func (r *Reader) snapshot(ctx context.Context) (Snapshot, error) {
	s := Snapshot{Now: r.clock.Now(), Limits: r.limits, Room: math.MaxInt}
	var err error
	if s.Jobs, err = r.jobs.UnfinishedJobs(ctx); err != nil {
		return s, err
	}
	if r.delayed != nil {
		s.LaunchFailed, s.Lookups = r.delayed()
	}
	if r.useKueue {
		s.Limits = Limits{}
		return s, nil
	}

	running, ready := jobsByState(s.Jobs)
	s.Blocked = quotaObstacles(s.Jobs)
	if r.cluster != nil {
		pending, blocked := r.cluster.Unplaced(running)
		s.Room = max(maxPending-pending, 0)
		s.Blocked = append(s.Blocked, blocked...)
	} else {
		s.Room = maxPending
	}

	mustWait := ready > min(s.Room, s.Limits.Total-len(running)) || len(s.Blocked) > 0
	if mustWait || s.Limits.PerRepo > 0 || s.Limits.PerUser > 0 {
		s.Usage, err = r.jobs.RecentUsage(ctx, s.Now.Add(-usagePeriod), maxUsageJobs)
	}
	return s, err
}

// jobsByState returns the names of the running jobs, and how many queued ones are ready to start.
func jobsByState(jobs []ci.QueuedJob) (running []ci.JobName, ready int) {
	for _, j := range jobs {
		switch {
		case j.State == ci.Running:
			running = append(running, j.Job)
		case j.Ready:
			ready++
		}
	}
	return running, ready
}

// quotaObstacles returns an obstacle for each launched job whose pod the namespace's quota does not admit.
func quotaObstacles(jobs []ci.QueuedJob) []ci.Obstacle {
	var obstacles []ci.Obstacle
	for _, j := range jobs {
		reason, lacks := ci.ParseWait(j.WaitKey)
		if j.State != ci.Running || reason != ci.WaitQuota {
			continue
		}
		obstacles = append(obstacles, ci.Obstacle{
			Job:   j.Job,
			Lacks: lacks,
			Quota: true,
			Why:   "the quota of the namespace is used up",
		})
	}
	return obstacles
}
