package queue

import (
	"math"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Caps bound how many jobs run at once; 0 is no bound.
type Caps struct{ All, PerRepo, PerPerson int }

// Scene is all that Plan may know.
type Scene struct {
	Now     time.Time
	Jobs    []ci.Contender // all that wait or run, oldest first
	Recent  []ci.Spent     // what has been used, the newest first
	Caps    Caps
	Room    int                   // how many more the cluster may be given now
	Blocked []ci.Obstacle         // launched jobs for which the cluster has no room
	Asking  map[ci.JobName]string // jobs whose images a registry is asked about, with what is to be told of it
	Trouble map[ci.JobName]string // jobs whose launch failed and that let others go first, with the error
}

// What is not known from history.
const (
	halfLife  = time.Hour   // use counts half after it
	typical   = time.Minute // a job of which nothing is known
	leastCost = 0.05        // cores; so that jobs that ask for nothing still take turns
)

// Plan says which jobs are launched now, in order, and then in which order the
// others follow, and why each waits. The next is the oldest job of whoever, person
// and then repository, has used least; what the cluster lost comes before all.
func Plan(s Scene) []ci.Place {
	l := newLine(s)
	var places []ci.Place
	for range s.Room {
		j := l.next(l.mayStart)
		if j == nil {
			break
		}
		l.start(j)
		places = append(places, ci.Place{Job: j.Job, Run: j.Run, Launch: true})
	}
	clock := l.clock()
	for j := l.next(nil); j != nil; j = l.next(nil) {
		position := len(places) - l.started + 1
		places = append(places, l.place(j, position, clock.next(l.typical(j.Repo))))
	}
	return places
}

// line is the state of a plan that is being made.
type line struct {
	Scene
	again   []*ci.Contender // lost by the cluster, oldest first
	persons []*person
	use     map[int64]float64       // of repositories
	median  map[int64]time.Duration // of the jobs of repositories; see medians
	running map[who]int             // slots that are taken
	groups  map[string]*group
	ends    []time.Duration // of what runs, from now, as expected
	started int
	blocked []blockedJob
	stuck   map[int64]int // blocked jobs of repositories
}

// who is a person or a repository; the zero who is everybody.
type who struct{ person, repo int64 }

type person struct {
	id    int64
	use   float64
	repos []*repo
}

type repo struct {
	id   int64
	jobs []*ci.Contender // that wait, oldest first
}

func newLine(s Scene) *line {
	l := &line{
		Scene:   s,
		use:     map[int64]float64{},
		median:  medians(s.Recent),
		running: map[who]int{},
		groups:  map[string]*group{},
	}
	byID := map[int64]*person{}
	of := func(id int64) *person {
		if byID[id] == nil {
			byID[id] = &person{id: id}
		}
		return byID[id]
	}
	for _, u := range s.Recent {
		used := cost(
			u.CPU,
			u.Memory,
			u.Finished.Sub(u.Started),
		) * math.Exp2(
			-float64(s.Now.Sub(u.Finished))/float64(halfLife),
		)
		of(anybody(u.Person, u.Repo)).use += used
		l.use[u.Repo] += used
	}
	l.block(s.Blocked)
	for i := range s.Jobs {
		j := &s.Jobs[i]
		j.Person = anybody(j.Person, j.Repo)
		l.join(j)
		p := of(j.Person)
		switch {
		case j.State == ci.Running:
			l.occupy(j)
			l.charge(p, j, max(s.Now.Sub(j.Started), l.typical(j.Repo)))
			l.ends = append(l.ends, max(l.typical(j.Repo)-s.Now.Sub(j.Started), 0))
		case !j.Ready:
		case j.Again:
			l.again = append(l.again, j)
		default:
			if len(p.repos) == 0 {
				l.persons = append(l.persons, p)
			}
			p.wait(j)
		}
	}
	return l
}

// anybody: what nobody is known to have caused counts for its repository.
func anybody(person, repo int64) int64 {
	if person == 0 {
		return -repo
	}
	return person
}

// cost is in core-seconds; 4 GiB count as much as a core.
func cost(cpu, memory int64, d time.Duration) float64 {
	return max(float64(cpu)/1000, float64(memory)/(4<<30), leastCost) * max(d.Seconds(), 1)
}

func (l *line) charge(p *person, j *ci.Contender, d time.Duration) {
	p.use += cost(j.CPU, j.Memory, d)
	l.use[j.Repo] += cost(j.CPU, j.Memory, d)
}

func (p *person) wait(j *ci.Contender) {
	i := slices.IndexFunc(p.repos, func(r *repo) bool { return r.id == j.Repo })
	if i < 0 {
		i, p.repos = len(p.repos), append(p.repos, &repo{id: j.Repo})
	}
	p.repos[i].jobs = append(p.repos[i].jobs, j)
}

// next takes the job whose turn it is out of the line: nil when there is none
// that may (nil: any may).
func (l *line) next(may func(*ci.Contender) bool) *ci.Contender {
	if i := first(l.again, may); i >= 0 {
		j := l.again[i]
		l.again = slices.Delete(l.again, i, i+1)
		return j
	}
	var best *person
	var from *repo
	var at int
	for _, p := range l.persons {
		if best != nil && (p.use > best.use || p.use == best.use && !older(p, best)) {
			continue
		}
		if r, i := l.turn(p, may); r != nil {
			best = p
			from = r
			at = i
		}
	}
	if best == nil {
		return nil
	}
	j := from.jobs[at]
	from.jobs = slices.Delete(from.jobs, at, at+1)
	l.charge(best, j, l.typical(j.Repo))
	return j
}

// turn is the repository of a person whose turn it is, and the place of its job.
func (l *line) turn(p *person, may func(*ci.Contender) bool) (best *repo, at int) {
	for _, r := range p.repos {
		if best != nil && (l.use[r.id] > l.use[best.id] || l.use[r.id] == l.use[best.id] && !before(r.jobs, best.jobs)) {
			continue
		}
		if i := first(r.jobs, may); i >= 0 {
			best, at = r, i
		}
	}
	return best, at
}

func first(jobs []*ci.Contender, may func(*ci.Contender) bool) int {
	return slices.IndexFunc(jobs, func(j *ci.Contender) bool { return may == nil || may(j) })
}

// before: the oldest of these is older than the oldest of those.
func before(these, those []*ci.Contender) bool {
	return len(these) > 0 && (len(those) == 0 || these[0].Created.Before(those[0].Created))
}

func older(p, q *person) bool {
	oldest := func(p *person) (jobs []*ci.Contender) {
		for _, r := range p.repos {
			if before(r.jobs, jobs) {
				jobs = r.jobs
			}
		}
		return jobs
	}
	return before(oldest(p), oldest(q))
}
