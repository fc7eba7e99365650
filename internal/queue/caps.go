package queue

import (
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// full reports whether a cap is reached; 0 is none.
func full(taken, limit int) bool { return limit > 0 && taken >= limit }

// mayStart reports whether nothing stands against a job.
func (l *line) mayStart(j *ci.Contender) bool {
	_, asking := l.Asking[j.Job]
	return !asking && l.Trouble[j.Job] == "" && l.behind(j) == nil && !full(l.running[who{}], l.Caps.All) && !full(l.running[who{repo: j.Repo}], l.Caps.PerRepo) &&
		!full(l.running[who{person: j.Person}], l.Caps.PerPerson) &&
		l.groups[j.Group].admits(j)
}

// occupy takes a slot.
func (l *line) occupy(j *ci.Contender) {
	l.running[who{}]++
	if j.Repo != 0 {
		l.running[who{repo: j.Repo}]++
	}
	if j.Person != 0 {
		l.running[who{person: j.Person}]++
	}
}

func (l *line) start(j *ci.Contender) {
	l.occupy(j)
	l.started++
	l.ends = append(l.ends, l.typical(j.Repo))
	if g := l.groups[j.Group]; g != nil {
		g.runs[slices.IndexFunc(g.runs, func(m member) bool { return m.run == j.Run })].running = true
	}
}

// group is a concurrency group: its runs, the oldest first.
type group struct{ runs []member }

type member struct {
	run     ci.RunID
	created time.Time // of the first of its jobs in the group that has not ended
	running bool
}

// join enters a job into its group. Jobs come oldest first.
func (l *line) join(j *ci.Contender) {
	if j.Group == "" {
		return
	}
	g := l.groups[j.Group]
	if g == nil {
		g = &group{}
		l.groups[j.Group] = g
	}
	i := slices.IndexFunc(g.runs, func(m member) bool { return m.run == j.Run })
	if i < 0 {
		i, g.runs = len(g.runs), append(g.runs, member{run: j.Run, created: j.Created})
	}
	g.runs[i].running = g.runs[i].running || j.State == ci.Running
}

// admits: a run waits for those that run and those that came before, so that a
// group keeps the order in which its runs came.
func (g *group) admits(j *ci.Contender) bool {
	if g == nil {
		return true
	}
	others := 0
	for _, m := range g.runs {
		if m.run != j.Run && (m.running || m.created.Before(j.Created)) {
			if others++; others >= j.Limit {
				return false
			}
		}
	}
	return true
}

// occupied is how many runs of a group run.
func (g *group) occupied() (n int) {
	for _, m := range g.runs {
		if m.running {
			n++
		}
	}
	return n
}
