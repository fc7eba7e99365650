package queue

import (
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Limits bound how many jobs run at the same time; 0 means no limit.
type Limits struct {
	Total   int
	PerRepo int
	PerUser int
}

// slots counts the jobs that run or are launched.
type slots struct {
	total  int
	byRepo map[int64]int
	byUser map[int64]int // by userKey
}

func newSlots() slots {
	return slots{byRepo: map[int64]int{}, byUser: map[int64]int{}}
}

// take counts a job. A job without a repository, such as a probe, counts in the total only.
func (s *slots) take(j *ci.QueuedJob) {
	s.total++
	if j.Repo != 0 {
		s.byRepo[j.Repo]++
	}
	if j.Person != 0 {
		s.byUser[j.Person]++
	}
}

// reached reports whether used slots leave none free.
func reached(used, limit int) bool { return limit > 0 && used >= limit }

// mayStart reports whether nothing prevents a job from starting.
func (p *planner) mayStart(j *ci.QueuedJob) bool {
	_, lookingUp := p.Lookups[j.Job]
	if lookingUp || p.LaunchFailed[j.Job] != "" {
		return false
	}
	if reached(p.slots.total, p.Limits.Total) ||
		reached(p.slots.byRepo[j.Repo], p.Limits.PerRepo) ||
		reached(p.slots.byUser[j.Person], p.Limits.PerUser) {
		return false
	}
	return p.obstacle(j) == nil && p.groups[j.Group].admits(j)
}

// group is a concurrency group with its unfinished runs, oldest first. Runs start in the order in which they were
// created.
type group struct {
	runs []groupRun
}

type groupRun struct {
	id      ci.RunID
	created time.Time // of the run's oldest unfinished job in the group
	running bool
}

// joinGroup enters a job's run into its concurrency group, if it has one. Jobs are entered oldest first.
func (p *planner) joinGroup(j *ci.QueuedJob) {
	if j.Group == "" {
		return
	}
	g := p.groups[j.Group]
	if g == nil {
		g = &group{}
		p.groups[j.Group] = g
	}
	i := g.index(j.Run)
	if i < 0 {
		i = len(g.runs)
		g.runs = append(g.runs, groupRun{id: j.Run, created: j.Created})
	}
	if j.State == ci.Running {
		g.runs[i].running = true
	}
}

func (g *group) index(run ci.RunID) int {
	return slices.IndexFunc(g.runs, func(r groupRun) bool { return r.id == run })
}

// start records that a run, which must have joined, runs.
func (g *group) start(run ci.RunID) { g.runs[g.index(run)].running = true }

// admits reports whether the group lets a job start: fewer than its limit of other runs are running or were created
// before it. A nil group admits all jobs.
func (g *group) admits(j *ci.QueuedJob) bool {
	if g == nil {
		return true
	}
	ahead := 0
	for _, r := range g.runs {
		if r.id != j.Run && (r.running || r.created.Before(j.Created)) {
			ahead++
		}
	}
	return ahead == 0 || ahead < j.Limit
}

// running returns how many runs of the group are running.
func (g *group) running() int {
	count := 0
	for _, r := range g.runs {
		if r.running {
			count++
		}
	}
	return count
}
