package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// pullFiles are the files that the property is held for: all kinds of triggers and conditions.
func pullFiles() []string {
	two := "image: alpine\njobs:\n  unit: {steps: [a]}\n  ship: {steps: [{run: b, when: {paths: ['src/**']}}]}\n"
	return []string{
		steps,
		"on: {pull_request: {}}\n" + steps,
		"on: {push: {branches: [main]}, pull_request: {}}\n" + steps,
		"on: {push: {}, pull_request: {paths: ['src/**']}}\n" + steps,
		"on: {push: {paths: ['src/**']}, pull_request: {}}\n" + steps,
		"on: {push: {paths: ['src/**']}, pull_request: {paths: ['src/**']}}\n" + two,
		"on: {push: {paths: ['src/**']}}\n" + two,
		"on: {pull_request: {branches: [main]}}\n" + steps,
		"on: {push: {paths: ['src/**']}, pull_request: {branches: [release], paths: ['src/**']}}\n" + two,
		"on: {pull_request: {types: [labeled]}}\n" + steps,
		"on: {push: {paths: ['src/**']}, pull_request: {types: [labeled, ready_for_review]}}\n" + steps,
		"on: {pull_request: {types: [opened, synchronize, reopened, closed, edited]}}\n" + two,
		"image: alpine\njobs:\n  unit: {steps: [a]}\n  base: {steps: [{run: b, when: {branch: main}}]}\n",
		"image: alpine\njobs:\n  unit: {steps: [a]}\n  ship: {needs: [unit], steps: [b]}\n" +
			"  alarm: {needs: [ship], when: {status: failure}, steps: [{run: c, when: {event: pull_request}}]}\n",
	}
}

// pullStory is one pull request of the repository itself, GitHub's side of it, and what was delivered of it.
type pullStory struct {
	*world
	rnd  *rand.Rand
	file string

	repo     int64
	now      time.Time
	head     int // which commit the branch points to
	newest   int
	base     string
	open     bool
	late     []ci.Event // happened, and not delivered yet
	sent     []ci.Event // delivered
	guid     int
	passed   map[ci.JobName]bool   // jobs whose command ended with 0
	statuses map[ci.SHA]ci.Status  // what GitHub shows as the context yaci
	bases    map[ci.SHA][]ci.Event // pull request events that were delivered of a commit
}

func (p *pullStory) sha(n int) ci.SHA { return ci.SHA(fmt.Sprintf("%032x%08x", p.repo, n)) }

// paths are the paths that differ between two things; the same two always differ in the same.
func (p *pullStory) paths(a, b string) []string {
	sum := uint64(p.repo)
	for _, c := range a + " " + b {
		sum = sum*31 + uint64(c)
	}
	if sum%3 == 0 {
		return []string{"src/a.go"}
	}
	return []string{"docs/a.md"}
}

// GitHub's side.

func (p *pullStory) File(context.Context, ci.Repo, ci.SHA, string) ([]byte, error) {
	return []byte(p.file), nil
}
func (p *pullStory) ChangedPaths(_ context.Context, ev ci.Event) ([]string, bool, error) {
	if ev.Kind == ci.PullRequest {
		return p.paths(ev.PRBase, string(ev.SHA)), true, nil
	}
	return p.paths(string(ev.Before), string(ev.SHA)), ev.Before != "", nil
}

func (p *pullStory) Message(context.Context, ci.Repo, ci.SHA) (string, error) { return "Fix", nil }

func (p *pullStory) PullsAt(_ context.Context, _ ci.Repo, sha ci.SHA) ([]ci.Pull, error) {
	if sha != p.sha(p.head) {
		return nil, nil
	}
	return []ci.Pull{p.pull()}, nil
}

func (p *pullStory) pull() ci.Pull {
	return ci.Pull{
		Number: 7,
		Head:   p.sha(p.head),
		Base:   p.base,
		Open:   p.open,
	}
}

func (p *pullStory) Pull(context.Context, ci.Repo, int) (ci.Pull, error) { return p.pull(), nil }

func (p *pullStory) Resolve(context.Context, ci.Repo, string) (ci.SHA, string, error) {
	return p.sha(p.head), "Fix", nil
}

func (p *pullStory) Relation(context.Context, ci.Repo, ci.SHA, ci.SHA) (string, error) {
	return "diverged", nil
}

// happens notes an event of the pull request as it is now.
func (p *pullStory) happens(action string) {
	ev := pull(action, "topic", false)
	ev.Repo.ID = p.repo
	ev.SHA = p.sha(p.head)
	ev.PRBase = p.base
	ev.At = p.now
	ev.Retargeted = action == "edited"
	p.late = append(p.late, ev)
}

// moves points the branch to another commit, which GitHub tells by two events.
func (p *pullStory) moves(to int) {
	before := p.sha(p.head)
	p.head = to
	ev := push("topic")
	ev.Repo.ID = p.repo
	ev.SHA = p.sha(to)
	ev.Before = before
	ev.At = p.now
	p.late = append(p.late, ev)
	if p.open {
		p.happens("synchronize")
		p.late[len(p.late)-1].Before = before
	}
}

// step is one thing that happens to the pull request, to a delivery or to a job.
func (p *pullStory) step() {
	if p.rnd.IntN(3) > 0 {
		p.now = p.now.Add(time.Duration(p.rnd.IntN(3)) * time.Second)
	}
	switch p.rnd.IntN(12) {
	case 0:
		p.newest++
		p.moves(p.newest)
	case 1:
		if p.newest > 0 {
			p.moves(p.rnd.IntN(p.newest + 1))
		}
	case 2:
		if p.open {
			p.base = []string{"main", "release"}[p.rnd.IntN(2)]
			p.happens("edited")
		}
	case 3:
		p.happens([]string{"labeled", "ready_for_review", "unlabeled"}[p.rnd.IntN(3)])
	case 4:
		p.open = !p.open
		p.happens(map[bool]string{true: "reopened", false: "closed"}[p.open])
	case 5, 6, 7, 8:
		p.deliver()
	default:
		p.finish()
	}
}

// deliver handles an event, in any order, sometimes once more under another GUID.
func (p *pullStory) deliver() {
	list := p.late
	again := len(p.sent) > 0 && p.rnd.IntN(4) == 0
	if again {
		list = p.sent
	}
	if len(list) == 0 {
		return
	}
	i := 0
	if p.rnd.IntN(3) == 0 {
		i = p.rnd.IntN(len(list))
	}
	ev := list[i]
	if !again {
		p.late = slices.Delete(p.late, i, i+1)
		p.sent = append(p.sent, ev)
		if ev.Kind == ci.PullRequest {
			p.bases[ev.SHA] = append(p.bases[ev.SHA], ev)
		}
	}
	p.guid++
	p.world.deliver(fmt.Sprintf("%d-%d", p.repo, p.guid), ev)
}

// finish ends a job that waits, well or badly.
func (p *pullStory) finish() {
	waiting := p.queued()
	if len(waiting) == 0 {
		return
	}
	job := waiting[p.rnd.IntN(len(waiting))]
	p.must(p.db.MarkLaunched(p.Context(), job.Name, "uid-"+string(job.Name)))
	job.State = ci.Success
	if p.rnd.IntN(3) == 0 {
		job.State = ci.Failure
	}
	job.Message = string(job.State)
	p.passed[job.Name] = job.State == ci.Success
	_, err := p.db.Observe(p.Context(), job.Job)
	p.must(err)
}

// send is the sender: what waits in the outbox is what GitHub shows. The outbox gives out a few statuses of a
// repository at a time, endings first.
func (p *pullStory) send() {
	for {
		due, err := p.db.DueStatuses(p.Context(), 100)
		p.must(err)
		for _, st := range due {
			p.must(p.db.StatusSent(p.Context(), st, time.Hour))
			if st.Context == ci.StatusContext {
				p.statuses[st.SHA] = st
			}
		}
		if len(due) == 0 {
			return
		}
	}
}

// check holds every success that GitHub shows against the runs behind it.
func (p *pullStory) check() {
	p.Helper()
	p.send()
	file, err := pipeline.Parse([]byte(p.file))
	p.must(err)
	for sha, st := range p.statuses {
		if st.State != "success" {
			continue
		}
		runs, err := p.db.RunsOfCommit(p.Context(), p.repo, sha)
		p.must(err)
		ran := false
		for _, run := range runs {
			ran = p.checkRun(file, sha, run) || ran
		}
		if !ran {
			p.checkSkip(file, sha, runs)
		}
		p.checkBase(file, sha, runs)
	}
}

// checkRun reports whether a run really ran, and passed what its file selects.
func (p *pullStory) checkRun(file *pipeline.File, sha ci.SHA, run ci.Run) bool {
	p.Helper()
	if run.State == ci.Skipped {
		return false
	}
	if run.State != ci.Success {
		p.fail(sha, "run %s is %s", run.ID, run.State)
	}
	jobs, err := p.db.AttemptJobs(p.Context(), run.ID, run.Attempt)
	p.must(err)
	selected, ended := 0, 0
	for _, j := range file.Select(p.input(run.Event)).Jobs {
		if j.Runs {
			selected++
		}
	}
	for _, j := range jobs {
		switch {
		case j.State == ci.Skipped && j.When == ci.WhenFailure: // nothing failed
			ended++
		case j.State != ci.Skipped && !p.passed[j.Name]:
			p.fail(sha, "job %s is %s and did not pass", j.Name, j.State)
		case j.State != ci.Skipped:
			ended++
		}
	}
	if ended != selected || selected == 0 {
		p.fail(sha, "run %s passed %d jobs, the file selects %d", run.ID, ended, selected)
	}
	return true
}

// input is what the file is held against for an event, as flow does it.
func (p *pullStory) input(ev ci.Event) pipeline.Input {
	in := pipeline.Input{
		Event:        string(ev.Kind),
		Branch:       ev.Branch,
		PRBase:       ev.PRBase,
		PRAction:     ev.PRAction,
		PRRetargeted: ev.Retargeted,
	}
	in.Paths, in.PathsKnown, _ = p.ChangedPaths(p.Context(), ev)
	return in
}

// checkSkip holds a success for which nothing ran: no event that is to come may start a run.
func (p *pullStory) checkSkip(file *pipeline.File, sha ci.SHA, runs []ci.Run) {
	p.Helper()
	for _, run := range runs {
		if run.Event.Kind == ci.PullRequest {
			return // its base is held by checkBase
		}
	}
	// While the pull request was closed, nothing could start a run, and what was told then stands.
	if slices.ContainsFunc(p.sent, func(ev ci.Event) bool { return ev.PRAction == "closed" }) {
		return
	}
	// A pull request that was opened or retargeted after the skip is judged by its own event.
	late := slices.ContainsFunc(slices.Concat(p.late, p.bases[sha]), func(ev ci.Event) bool {
		return ev.SHA == sha && (ev.PRAction == "reopened" || ev.Retargeted || ev.Kind == ci.PullRequest && p.isLate(ev))
	})
	if sha == p.sha(p.head) && p.open && file.CouldSelectPull(p.base) && !late {
		p.fail(sha, "nothing ran, and the open pull request into %s may start a run", p.base)
	}
}

// checkBase: the run of a pull request is for the base of the newest event that was handled, or of GitHub, if the
// file selects that.
func (p *pullStory) checkBase(file *pipeline.File, sha ci.SHA, runs []ci.Run) {
	p.Helper()
	events := p.bases[sha]
	late := slices.ContainsFunc(p.late, func(ev ci.Event) bool { return ev.Kind == ci.PullRequest && ev.SHA == sha })
	if len(events) == 0 || late || !p.open { // nothing of a closed pull request is judged before it is reopened
		return
	}
	newest := slices.MaxFunc(events, func(a, b ci.Event) int { return a.At.Compare(b.At) })
	sameTime := slices.ContainsFunc(
		events,
		func(ev ci.Event) bool { return ev.At.Equal(newest.At) && ev.PRBase != newest.PRBase },
	)
	for _, run := range runs {
		if run.Event.Kind != ci.PullRequest || sameTime || newest.PRAction == "closed" {
			continue
		}
		newest.PRAction, newest.Retargeted = "synchronize", true
		selected := file.Select(p.input(newest)).Selected
		if selected && run.Event.PRBase != newest.PRBase && newest.PRBase == p.base && sha == p.sha(p.head) {
			p.fail(sha, "run %s is for base %s, and %s is judged", run.ID, run.Event.PRBase, newest.PRBase)
		}
	}
}

func (p *pullStory) fail(sha ci.SHA, format string, args ...any) {
	p.Helper()
	text := ""
	for _, ev := range p.sent {
		text += fmt.Sprintf(
			"  %s %s %s into %s at %s, before %s\n",
			ev.Kind,
			ev.PRAction,
			ev.SHA[32:],
			ev.PRBase,
			ev.At.Format("05"),
			ev.Before,
		)
	}
	data, _ := json.Marshal(p.pull())
	p.Fatalf(
		"story %d: %s shows success: %s\nfile:\n%s\ndelivered:\n%snow: %s",
		p.repo-1,
		sha[32:],
		fmt.Sprintf(format, args...),
		p.file,
		text,
		data,
	)
}

// TestPullRequestProperty generates sequences of what can happen to a pull request, with deliveries that come late,
// twice and in any order, and holds after each of them that no commit shows success for something that the file, at
// that state, would not have passed or skipped. YACI_PULL_STORIES=100000 plays that many; YACI_PULL_SEED and
// YACI_PULL_FIRST play those of one seed again, from one of them on.
func TestPullRequestProperty(t *testing.T) {
	stories := 100
	if n, err := strconv.Atoi(os.Getenv("YACI_PULL_STORIES")); err == nil {
		stories = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("YACI_PULL_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d", seed)
	first, _ := strconv.Atoi(os.Getenv("YACI_PULL_FIRST"))
	files := pullFiles()
	var w *world
	green, attempts := 0, 0
	for i := first; i < first+stories; i++ {
		if w == nil || i%100 == 0 {
			w = newWorld(t)
		}
		p := &pullStory{
			world:    w,
			rnd:      rand.New(rand.NewPCG(seed, uint64(i))),
			file:     files[i%len(files)],
			repo:     int64(i + 1),
			now:      time.Date(2026, 11, 2, 3, 4, 0, 0, time.UTC),
			base:     "main",
			open:     true,
			passed:   map[ci.JobName]bool{},
			statuses: map[ci.SHA]ci.Status{},
			bases:    map[ci.SHA][]ci.Event{},
		}
		w.forge.Files = p
		w.forge.PullRequests = p
		w.forge.CommitDetails = p
		w.forge.Comparisons = p
		w.forge.Refs = p
		p.play()
		for _, st := range p.statuses {
			if st.State == "success" {
				green++
			}
		}
		attempts += p.retire()
		if played := i - first + 1; played%5000 == 0 {
			t.Logf("%d stories", played)
		}
	}
	t.Logf("%d stories: %d commits end green, %d attempts", stories, green, attempts)
	if green < stories/5 || attempts < stories {
		t.Errorf("%d green commits and %d attempts in %d stories: the test has lost its teeth", green, attempts, stories)
	}
}

func (p *pullStory) play() {
	p.moves(0)
	p.late = p.late[:1] // the push that made the branch
	p.late[0].Before = "0000000000000000000000000000000000000000"
	p.happens("opened")
	for range 24 {
		p.step()
		p.check()
	}
	for len(p.late) > 0 || len(p.queued()) > 0 {
		p.deliver()
		p.finish()
		p.check()
	}
}

// retire ends what is left, so that the next story has the queue for itself, and returns how many attempts there were.
func (p *pullStory) retire() (attempts int) {
	for n := range p.newest + 1 {
		runs, err := p.db.RunsOfCommit(p.Context(), p.repo, p.sha(n))
		p.must(err)
		for _, run := range runs {
			attempts += run.Attempt
			_, err := p.db.CancelRun(p.Context(), run.ID, "Over.")
			p.must(err)
		}
	}
	p.send()
	return attempts
}

func (p *pullStory) isLate(ev ci.Event) bool {
	return slices.ContainsFunc(p.late, func(other ci.Event) bool {
		return other.PRAction == ev.PRAction && other.At.Equal(ev.At) && other.SHA == ev.SHA
	})
}
