package queue_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/queue"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// job returns a queued job that requests one core, created some seconds after noon.
func job(name string, person, repo int64, second int) ci.QueuedJob {
	return ci.QueuedJob{
		Job:      ci.JobName(name),
		Run:      ci.RunID(name),
		State:    ci.Queued,
		Ready:    true,
		CPU:      1000,
		Person:   person,
		Login:    fmt.Sprintf("p%d", person),
		Repo:     repo,
		RepoName: fmt.Sprintf("acme/r%d", repo),
		Created:  noon.Add(time.Duration(second) * time.Second),
	}
}

func running(j ci.QueuedJob) ci.QueuedJob {
	j.State, j.Started = ci.Running, noon.Add(-10*time.Second)
	return j
}

func grouped(j ci.QueuedJob, name string, limit int) ci.QueuedJob {
	j.Group, j.Limit = "1/"+name, limit
	return j
}

func lost(j ci.QueuedJob) ci.QueuedJob { j.Requeued = true; return j }

func used(person, repo int64, core time.Duration, ago time.Duration) ci.Usage {
	return ci.Usage{
		Person:   person,
		Repo:     repo,
		CPU:      1000,
		Started:  noon.Add(-ago - core),
		Finished: noon.Add(-ago),
	}
}

// TestPlan checks which jobs are launched, and what is said about those that wait.
func TestPlan(t *testing.T) {
	two := queue.Limits{Total: 2}
	for name, c := range map[string]struct {
		snapshot queue.Snapshot
		launch   string
		waits    []string
	}{
		"nothing": {queue.Snapshot{Limits: two}, "", nil},
		"oldest first": {
			queue.Snapshot{Limits: two, Jobs: []ci.QueuedJob{job("a", 1, 1, 1), job("b", 1, 1, 2), job("c", 1, 1, 3)}},
			"a b",
			[]string{"c: Waiting: 1st in line, 2 of 2 slots busy; starts in about 1m."},
		},
		"two users take turns": {
			queue.Snapshot{Limits: two, Jobs: []ci.QueuedJob{job("a", 1, 1, 1), job("b", 1, 1, 2), job("c", 2, 2, 3)}},
			"a c",
			[]string{"b: Waiting: 1st in line, 2 of 2 slots busy; starts in about 1m."},
		},
		"less usage": {
			queue.Snapshot{Limits: queue.Limits{Total: 1}, Jobs: []ci.QueuedJob{job("a", 1, 1, 1), job("b", 2, 2, 2)},
				Usage: []ci.Usage{used(1, 1, time.Minute, 0)}},
			"b",
			[]string{"a: Waiting: 1st in line, 1 of 1 slots busy; starts in about 1m."},
		},
		"old usage counts less": {
			queue.Snapshot{Limits: queue.Limits{Total: 1}, Jobs: []ci.QueuedJob{job("a", 1, 1, 1), job("b", 2, 2, 2)},
				Usage: []ci.Usage{used(2, 2, 10*time.Minute, 0), used(1, 1, 30*time.Minute, 5*time.Hour)}},
			"a",
			[]string{"b: Waiting: 1st in line, 1 of 1 slots busy; starts in about 30m."},
		},
		"running jobs count": {
			queue.Snapshot{Limits: two, Jobs: []ci.QueuedJob{running(job("x", 1, 1, 0)), job("a", 1, 1, 1), job("b", 2, 2, 2)}},
			"b",
			[]string{"a: Waiting: 1st in line, 2 of 2 slots busy; starts in about 1m."},
		},
		"repositories of one user": {
			queue.Snapshot{Limits: queue.Limits{Total: 1}, Jobs: []ci.QueuedJob{job("a", 1, 1, 1), job("b", 1, 2, 2)},
				Usage: []ci.Usage{used(3, 1, time.Minute, 0)}},
			"b",
			[]string{"a: Waiting: 1st in line, 1 of 1 slots busy; starts in about 1m."},
		},
		"requeued job": {
			queue.Snapshot{Limits: queue.Limits{Total: 1}, Jobs: []ci.QueuedJob{job("a", 2, 2, 1), lost(job("b", 1, 1, 2))},
				Usage: []ci.Usage{used(1, 1, time.Hour, 0)}},
			"b",
			[]string{"a: Waiting: 1st in line, 1 of 1 slots busy; starts in about 1h."},
		},
		"limit of a user": {
			queue.Snapshot{
				Limits: queue.Limits{Total: 9, PerUser: 1},
				Jobs:   []ci.QueuedJob{job("a", 1, 1, 1), job("b", 1, 2, 2), job("c", 2, 2, 3)},
			},
			"a c",
			[]string{"b: Waiting: 1st in line, 1 of 1 slots of p1 busy; starts in about 1m."},
		},
		"limit of a repository": {
			queue.Snapshot{
				Limits: queue.Limits{Total: 9, PerRepo: 1},
				Jobs:   []ci.QueuedJob{job("a", 1, 1, 1), job("b", 2, 1, 2), job("c", 2, 2, 3)},
			},
			"a c",
			[]string{"b: Waiting: 1st in line, 1 of 1 slots of acme/r1 busy; starts in about 1m."},
		},
		"concurrency group": {
			queue.Snapshot{
				Limits: queue.Limits{Total: 9},
				Jobs: []ci.QueuedJob{
					grouped(job("a", 1, 1, 1), "deploy", 1),
					grouped(job("b", 1, 1, 2), "deploy", 1),
					job("c", 1, 1, 3),
				},
			},
			"a c",
			[]string{"b: Waiting: 1st in line, 1 of 1 slots of concurrency group deploy busy."},
		},
		"concurrency group keeps its order": {
			queue.Snapshot{Limits: queue.Limits{Total: 9}, LaunchFailed: map[ci.JobName]string{"a": "x"},
				Jobs: []ci.QueuedJob{grouped(job("a", 1, 1, 1), "deploy", 1), grouped(job("b", 1, 1, 2), "deploy", 1)}},
			"",
			[]string{
				"a: Waiting: 1st in line, retrying soon: x.",
				"b: Waiting: 2nd in line, behind older runs of concurrency group deploy.",
			},
		},
		"needs are not met": {queue.Snapshot{Limits: two, Jobs: []ci.QueuedJob{{Job: "a", State: ci.Queued}}}, "", nil},
		"little room": {
			queue.Snapshot{Limits: queue.Limits{Total: 9}, Room: 1, Jobs: []ci.QueuedJob{job("a", 1, 1, 1), job("b", 1, 1, 2)}},
			"a",
			[]string{"b: Waiting: 1st in line, others are being launched; starts in about 1m."},
		},
		"full": {
			queue.Snapshot{
				Limits:  two,
				Blocked: []ci.Obstacle{{Job: "x", Why: "no node"}},
				Jobs:    []ci.QueuedJob{running(job("x", 1, 1, 0)), job("a", 1, 1, 1)},
			},
			"",
			[]string{"a: Waiting: 1st in line, the cluster is full: no node."},
		},
		"the blocked job has ended": {
			queue.Snapshot{
				Limits:  two,
				Blocked: []ci.Obstacle{{Job: "x", Why: "no node"}},
				Jobs:    []ci.QueuedJob{job("a", 1, 1, 1)},
			},
			"a",
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.snapshot
			s.Now = noon
			if s.Room == 0 {
				s.Room = 100
			}
			var launch, waits []string
			for _, p := range queue.Plan(s) {
				if p.Launch {
					launch = append(launch, string(p.Job))
				} else {
					waits = append(waits, string(p.Job)+": "+p.Message)
				}
			}
			got := strings.Join(launch, " ")
			if got != c.launch || !slices.Equal(waits, c.waits) {
				t.Errorf("launched %q, want %q\nwaits %q\nwant  %q", got, c.launch, waits, c.waits)
			}
		})
	}
}

// TestFewPositionKeys: many positions have few keys, because GitHub limits the statuses of a commit.
func TestFewPositionKeys(t *testing.T) {
	s := queue.Snapshot{Now: noon, Room: 1, Limits: queue.Limits{Total: 1}}
	for i := range 500 {
		s.Jobs = append(s.Jobs, job(fmt.Sprint(i), 1, 1, i))
	}
	keys := map[string]bool{}
	for i, p := range queue.Plan(s)[1:] {
		keys[p.WaitKey] = true
		if p.Position != i+1 {
			t.Fatalf("position %d, want %d", p.Position, i+1)
		}
	}
	if len(keys) != 3 {
		t.Errorf("%d keys", len(keys))
	}
}

// TestPlanKeepsLimits: for random snapshots, no limit is exceeded, and every ready job has one position.
func TestPlanKeepsLimits(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := queue.Snapshot{
			Now:    noon,
			Room:   r.IntN(8),
			Limits: queue.Limits{Total: 1 + r.IntN(8), PerRepo: r.IntN(4), PerUser: r.IntN(4)},
		}
		ready := 0
		for i := range r.IntN(40) {
			j := job(fmt.Sprint(i), int64(r.IntN(4)), int64(1+r.IntN(4)), i)
			if r.IntN(3) == 0 {
				j = grouped(j, fmt.Sprint(r.IntN(3)), 1+r.IntN(2))
			}
			if j.Ready, j.Requeued = r.IntN(5) > 0, r.IntN(9) == 0; r.IntN(4) == 0 {
				j = running(j)
			} else if j.Ready {
				ready++
			}
			s.Jobs = append(s.Jobs, j)
		}
		before := map[string]int{}
		after := map[string]int{}
		seen := map[ci.JobName]bool{}
		count := func(of map[string]int, j ci.QueuedJob) {
			of["all"]++
			of[fmt.Sprint("repo ", j.Repo)]++
			if j.Person != 0 {
				of[fmt.Sprint("person ", j.Person)]++
			}
			if j.Group != "" {
				of["group "+j.Group]++
			}
		}
		for _, j := range s.Jobs {
			if j.State == ci.Running {
				count(before, j)
				count(after, j)
			}
		}
		places := queue.Plan(clone(s))
		limits := map[string]int{}
		launched := 0
		for _, p := range places {
			if seen[p.Job] {
				t.Fatalf("seed %d: %s comes twice", seed, p.Job)
			}
			seen[p.Job] = true
			if !p.Launch {
				continue
			}
			launched++
			j := s.Jobs[slices.IndexFunc(s.Jobs, func(j ci.QueuedJob) bool { return j.Job == p.Job })]
			count(after, j)
			if j.Group != "" {
				limits["group "+j.Group] = max(limits["group "+j.Group], j.Limit)
			}
		}
		if len(places) != ready || launched > s.Room {
			t.Fatalf(
				"seed %d: %d places of %d ready jobs, %d launched into room for %d",
				seed,
				len(places),
				ready,
				launched,
				s.Room,
			)
		}
		for what, n := range after {
			limit := 0
			switch kind, _, _ := strings.Cut(what, " "); kind {
			case "all":
				limit = s.Limits.Total
			case "repo":
				limit = s.Limits.PerRepo
			case "person":
				limit = s.Limits.PerUser
			default:
				limit = limits[what]
			}
			if n > before[what] && limit > 0 && n > limit {
				t.Fatalf("seed %d: %d run of %s, whose limit is %d", seed, n, what, limit)
			}
		}
	}
}

func clone(s queue.Snapshot) queue.Snapshot { s.Jobs = slices.Clone(s.Jobs); return s }

// simulation runs jobs of known durations in simulated time. It calls Plan whenever a job ends.
type simulation struct {
	now    time.Time
	limits queue.Limits
	jobs   []ci.QueuedJob
	took   map[ci.JobName]time.Duration
	recent []ci.Usage
	share  map[int64]time.Duration // of repositories
	starts []ci.JobName
}

func (s *simulation) launch() {
	for _, p := range queue.Plan(queue.Snapshot{
		Now:    s.now,
		Jobs:   slices.Clone(s.jobs),
		Usage:  s.recent,
		Limits: s.limits,
		Room:   1000,
	}) {
		if p.Launch {
			j := &s.jobs[slices.IndexFunc(s.jobs, func(j ci.QueuedJob) bool { return j.Job == p.Job })]
			j.State, j.Started = ci.Running, s.now
			s.starts = append(s.starts, j.Job)
		}
	}
}

// finish advances the time to the end of the next job.
func (s *simulation) finish() {
	ends := func(j ci.QueuedJob) time.Time { return j.Started.Add(s.took[j.Job]) }
	var now []ci.QueuedJob
	for _, j := range s.jobs {
		if j.State == ci.Running {
			now = append(now, j)
		}
	}
	next := slices.MinFunc(
		now,
		func(a, b ci.QueuedJob) int { return cmp.Or(ends(a).Compare(ends(b)), cmp.Compare(a.Job, b.Job)) },
	)
	s.now = ends(next)
	s.share[next.Repo] += s.took[next.Job]
	s.recent = slices.Insert(s.recent, 0, ci.Usage{
		Person:   next.Person,
		Repo:     next.Repo,
		CPU:      next.CPU,
		Started:  next.Started,
		Finished: s.now,
	})
	if len(s.recent) > 2000 {
		s.recent = s.recent[:2000]
	}
	s.jobs = slices.DeleteFunc(s.jobs, func(j ci.QueuedJob) bool { return j.Job == next.Job })
}

// TestSecondUserIsNext: one user has 500 jobs and another user has one, which starts with the next free slot.
func TestSecondUserIsNext(t *testing.T) {
	s := &simulation{
		now:    noon,
		limits: queue.Limits{Total: 4},
		took:   map[ci.JobName]time.Duration{},
		share:  map[int64]time.Duration{},
	}
	for i := range 500 {
		j := job(fmt.Sprintf("a%03d", i), 1, 1, i)
		s.jobs, s.took[j.Job] = append(s.jobs, j), time.Minute+time.Duration(i)*time.Second
	}
	s.launch()
	late := job("late", 2, 2, 1000)
	s.jobs, s.took["late"] = append(s.jobs, late), time.Minute
	s.finish()
	s.launch()
	got := s.starts[len(s.starts)-1]
	if got != "late" || len(s.starts) != 5 {
		t.Errorf("%d were started, the last %s; want the fifth to be late", len(s.starts), got)
	}
}

// TestEqualShares: ten repositories with unequal load get equal shares of the time, within 10 %, whether they belong to
// one user or to different users.
func TestEqualShares(t *testing.T) {
	for name, person := range map[string]func(repo int) int64{
		"a user each": func(r int) int64 { return int64(r) },
		"one user":    func(int) int64 { return 1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := &simulation{
				now:    noon,
				limits: queue.Limits{Total: 8},
				took:   map[ci.JobName]time.Duration{},
				share:  map[int64]time.Duration{},
			}
			for repo := 1; repo <= 10; repo++ {
				for i := range 20 * repo { // repository 10 has ten times the jobs of repository 1, which are as much shorter
					j := job(fmt.Sprintf("%02d-%03d", repo, i), person(repo), int64(repo), i)
					s.jobs, s.took[j.Job] = append(s.jobs, j), 200*time.Second/time.Duration(repo)
				}
			}
			slices.SortFunc(
				s.jobs,
				func(a, b ci.QueuedJob) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Job, b.Job)) },
			)
			for s.launch(); s.now.Before(noon.Add(time.Hour)); s.launch() { // less than any has to do
				s.finish()
			}
			var total time.Duration
			for _, d := range s.share {
				total += d
			}
			for repo := int64(1); repo <= 10; repo++ {
				off := float64(s.share[repo])/(float64(total)/10) - 1
				if off < -0.1 || off > 0.1 {
					t.Errorf("repository %d has %v of %v: %+.0f %% off an equal share", repo, s.share[repo], total, 100*off)
				}
			}
			t.Logf("shares %v", s.share)
		})
	}
}

// TestJobsWithoutARepository: the limits of repositories and users do not apply to a job that has neither, such as a
// command of the API.
func TestJobsWithoutARepository(t *testing.T) {
	s := queue.Snapshot{
		Now:    noon,
		Room:   10,
		Limits: queue.Limits{Total: 9, PerRepo: 1, PerUser: 1},
		Jobs:   []ci.QueuedJob{running(job("x", 1, 1, 0)), job("command", 0, 0, 1)},
	}
	positions := queue.Plan(s)
	if len(positions) != 1 || !positions[0].Launch {
		t.Errorf("positions %+v", positions)
	}
}
