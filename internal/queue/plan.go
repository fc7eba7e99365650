package queue

import (
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Snapshot is the input of Plan.
type Snapshot struct {
	Now     time.Time
	Jobs    []ci.QueuedJob // all queued and running jobs, oldest first
	Usage   []ci.Usage     // of finished jobs, newest first
	Limits  Limits
	Room    int           // how many jobs may be launched now
	Blocked []ci.Obstacle // launched jobs that the cluster has no room for

	Lookups      map[ci.JobName]string // jobs whose images are being looked up, with a reason to show; empty: none yet
	LaunchFailed map[ci.JobName]string // jobs that back off after a failed launch, with a reason to show
}

// Plan decides which jobs are launched now. It returns a position for every job that is ready: first the jobs to
// launch, in order, then the waiting jobs, in the order in which they are expected to start and with the reason why
// each waits.
//
// Requeued jobs come first. All others are ordered by fair share with decaying usage, as in
// https://slurm.schedmd.com/priority_multifactor.html#fairshare: the next job is the oldest one of the user with the
// least usage, from the repository of that user with the least usage. A job that is picked counts as usage at once, so
// users take turns.
func Plan(s Snapshot) []ci.QueuePosition {
	p := newPlanner(s)
	var positions []ci.QueuePosition
	for range s.Room {
		j := p.next(p.mayStart)
		if j == nil {
			break
		}
		p.start(j)
		positions = append(positions, ci.QueuePosition{
			Job:    j.Job,
			Run:    j.Run,
			Launch: true,
		})
	}

	launched := len(positions)
	forecast := newForecast(p.remaining)
	for j := p.next(nil); j != nil; j = p.next(nil) {
		starts := forecast.next(p.expectedDuration(j.Repo))
		positions = append(positions, p.position(j, len(positions)-launched+1, starts))
	}
	return positions
}

// planner is the state of one call of Plan.
type planner struct {
	Snapshot
	requeued  []*ci.QueuedJob // oldest first
	users     []*userQueue    // with waiting jobs
	slots     slots
	groups    map[string]*group
	blocked   []blockedJob
	blockedIn map[int64]int // number of blocked jobs, by repository

	repoUsage   map[int64]float64 // core-seconds, by repository
	repoMedian  map[int64]time.Duration
	totalMedian time.Duration
	remaining   []time.Duration // expected time until each running job ends
}

// userQueue holds the waiting jobs of one user, by repository.
type userQueue struct {
	key   int64
	usage float64 // core-seconds
	repos []*repoQueue
}

// repoQueue holds the waiting jobs of one user in one repository.
type repoQueue struct {
	id   int64
	jobs []*ci.QueuedJob // oldest first
}

// userKey returns the key under which a job's usage is counted: GitHub's id of the user who caused it. If the user is
// unknown, the repository counts as a user of its own, under a negative key.
func userKey(user, repo int64) int64 {
	if user == 0 {
		return -repo
	}
	return user
}

func newPlanner(s Snapshot) *planner {
	s.Jobs = slices.Clone(s.Jobs) // their users are replaced by user keys
	p := &planner{
		Snapshot:  s,
		groups:    map[string]*group{},
		slots:     newSlots(),
		repoUsage: map[int64]float64{},
	}
	p.repoMedian, p.totalMedian = medianDurations(s.Usage)

	byKey := map[int64]*userQueue{}
	user := func(key int64) *userQueue {
		if byKey[key] == nil {
			byKey[key] = &userQueue{key: key}
		}
		return byKey[key]
	}
	for _, u := range s.Usage {
		seconds := decay(coreSeconds(u.CPU, u.Memory, u.Finished.Sub(u.Started)), s.Now.Sub(u.Finished))
		user(userKey(u.Person, u.Repo)).usage += seconds
		p.repoUsage[u.Repo] += seconds
	}
	p.addObstacles(s.Blocked)
	for i := range s.Jobs {
		j := &s.Jobs[i]
		j.Person = userKey(j.Person, j.Repo)
		p.add(j, user(j.Person))
	}
	return p
}

// add puts a job where it belongs. Jobs are added oldest first.
func (p *planner) add(j *ci.QueuedJob, user *userQueue) {
	p.joinGroup(j)
	switch {
	case j.State == ci.Running:
		p.slots.take(j)
		expected := p.expectedDuration(j.Repo)
		elapsed := p.Now.Sub(j.Started)
		p.charge(user, j, max(elapsed, expected))
		p.remaining = append(p.remaining, max(expected-elapsed, 0))
	case !j.Ready:
	case j.Requeued:
		p.requeued = append(p.requeued, j)
	default:
		if len(user.repos) == 0 {
			p.users = append(p.users, user)
		}
		user.add(j)
	}
}

// charge counts the expected usage of a job that runs or was picked.
func (p *planner) charge(user *userQueue, j *ci.QueuedJob, d time.Duration) {
	seconds := coreSeconds(j.CPU, j.Memory, d)
	user.usage += seconds
	p.repoUsage[j.Repo] += seconds
}

// start takes a slot, and a place in the job's concurrency group.
func (p *planner) start(j *ci.QueuedJob) {
	p.slots.take(j)
	p.remaining = append(p.remaining, p.expectedDuration(j.Repo))
	if g := p.groups[j.Group]; g != nil {
		g.start(j.Run)
	}
}

// next removes the job that is next from the planner and returns it. Jobs that accept refuses are passed over; nil
// accepts all. It returns nil if no job is left.
func (p *planner) next(accept func(*ci.QueuedJob) bool) *ci.QueuedJob {
	if i := indexAccepted(p.requeued, accept); i >= 0 {
		j := p.requeued[i]
		p.requeued = slices.Delete(p.requeued, i, i+1)
		return j
	}

	var best *userQueue
	var bestRepo *repoQueue
	var bestIndex int
	for _, user := range p.users {
		if best != nil && !user.before(best) {
			continue
		}
		if repo, index := p.nextOf(user, accept); repo != nil {
			best = user
			bestRepo, bestIndex = repo, index
		}
	}
	if best == nil {
		return nil
	}
	j := bestRepo.jobs[bestIndex]
	bestRepo.jobs = slices.Delete(bestRepo.jobs, bestIndex, bestIndex+1)
	p.charge(best, j, p.expectedDuration(j.Repo))
	return j
}

// nextOf returns the repository of a user that is next, and the index of its next job. The repository is nil if accept
// refuses all jobs.
func (p *planner) nextOf(user *userQueue, accept func(*ci.QueuedJob) bool) (best *repoQueue, index int) {
	for _, repo := range user.repos {
		if best != nil && !p.repoBefore(repo, best) {
			continue
		}
		if i := indexAccepted(repo.jobs, accept); i >= 0 {
			best, index = repo, i
		}
	}
	return best, index
}

func indexAccepted(jobs []*ci.QueuedJob, accept func(*ci.QueuedJob) bool) int {
	return slices.IndexFunc(jobs, func(j *ci.QueuedJob) bool { return accept == nil || accept(j) })
}

// add appends a job, which is newer than all others of the user.
func (u *userQueue) add(j *ci.QueuedJob) {
	i := slices.IndexFunc(u.repos, func(r *repoQueue) bool { return r.id == j.Repo })
	if i < 0 {
		i = len(u.repos)
		u.repos = append(u.repos, &repoQueue{id: j.Repo})
	}
	u.repos[i].jobs = append(u.repos[i].jobs, j)
}

// before reports whether u is served before other: it has less usage or, with the same usage, an older job.
func (u *userQueue) before(other *userQueue) bool {
	if u.usage != other.usage {
		return u.usage < other.usage
	}
	return olderThan(u.oldest(), other.oldest())
}

// oldest returns the user's oldest waiting job; nil if there is none.
func (u *userQueue) oldest() *ci.QueuedJob {
	var oldest *ci.QueuedJob
	for _, r := range u.repos {
		if olderThan(r.oldest(), oldest) {
			oldest = r.oldest()
		}
	}
	return oldest
}

// repoBefore reports whether r is served before other: it has less usage or, with the same usage, an older job.
func (p *planner) repoBefore(r, other *repoQueue) bool {
	if usage, otherUsage := p.repoUsage[r.id], p.repoUsage[other.id]; usage != otherUsage {
		return usage < otherUsage
	}
	return olderThan(r.oldest(), other.oldest())
}

func (r *repoQueue) oldest() *ci.QueuedJob {
	if len(r.jobs) == 0 {
		return nil
	}
	return r.jobs[0]
}

// olderThan reports whether a was created before b. A job is older than none, nil.
func olderThan(a, b *ci.QueuedJob) bool {
	return a != nil && (b == nil || a.Created.Before(b.Created))
}
