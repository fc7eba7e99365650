package flow_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// race is a stranger's pull request whose GitHub moves while YACI works: before
// each answer of GitHub, the stranger may push or retarget.
type race struct {
	*world
	rnd *rand.Rand
	now time.Time // GitHub's clock

	repoID int64
	head   int
	base   string
	file   map[ci.SHA]string
	late   []ci.NewDelivery    // events that have happened and are not delivered yet
	meant  map[ci.SHA]bool     // commits that a maintainer had before the eyes and approved
	seen   map[ci.JobName]bool // jobs that were looked at
	guid   int
}

func (r *race) sha() ci.SHA { return ci.SHA(fmt.Sprintf("%040x", r.head)) }

func (r *race) event(action string) ci.Event {
	ev := pull(action, "x", true)
	ev.SHA = r.sha()
	ev.PRBase = r.base
	ev.At = r.now
	ev.Repo.ID = r.repoID
	return ev
}

func (r *race) happens(ev ci.Event) {
	r.guid++
	body, _ := json.Marshal(ev)
	r.late = append(r.late, ci.NewDelivery{
		HookID: 1,
		GUID:   fmt.Sprint(r.guid),
		Name:   "x",
		Body:   body,
	})
}

// moves the stranger makes; each may come between any two steps of YACI's.
func (r *race) stranger() {
	switch r.rnd.IntN(8) {
	case 0:
		r.head++
		r.file[r.sha()] = goodFile + fmt.Sprintf("# %d\n", r.head)
		r.happens(r.event("synchronize"))
	case 1:
		r.base = []string{"main", "release"}[r.rnd.IntN(2)]
		ev := r.event("edited")
		ev.Retargeted = true
		r.happens(ev)
	case 2:
		r.now = r.now.Add(time.Second)
	}
}

func (r *race) File(_ context.Context, _ ci.Repo, sha ci.SHA, _ string) ([]byte, error) {
	r.stranger()
	return []byte(r.file[sha]), nil
}

func (r *race) ChangedPaths(context.Context, ci.Event) ([]string, bool, error) { return nil, true, nil }

func (r *race) MayWrite(_ context.Context, _ ci.Repo, who ci.Actor) (bool, error) {
	r.stranger()
	return who.ID == 9, nil
}

func (r *race) Pull(context.Context, ci.Repo, int) (ci.Pull, error) {
	now := ci.Pull{Head: r.sha(), Base: r.base}
	r.stranger() // what was answered may be old when it arrives
	return now, nil
}

func (r *race) PostComment(context.Context, ci.Repo, int, string) error { return nil }
func (r *race) React(context.Context, ci.Repo, int64) error             { return nil }

// step is one thing that happens.
func (r *race) step() {
	ctx := r.Context()
	switch r.rnd.IntN(7) {
	case 0:
		r.stranger()
	case 1, 2: // GitHub delivers, in any order, sometimes twice
		if len(r.late) > 0 {
			i := r.rnd.IntN(len(r.late))
			r.must(r.db.AddDelivery(ctx, r.late[i]))
			if r.rnd.IntN(4) > 0 {
				r.late = append(r.late[:i], r.late[i+1:]...)
			}
		}
		r.must(drain(ctx, r.flow))
	case 3: // the maintainer approves what is to be seen now
		c := comment(9, "/ok-to-test")
		if r.rnd.IntN(2) == 0 {
			c.Body += " " + string(r.sha())
		}
		c.At, c.Repo.ID = r.now, r.repoID
		r.meant[r.sha()] = true
		r.happens(c)
	case 4: // and by the API
		sha := r.sha()
		if run, err := r.db.RunOfEvent(ctx, r.repoID, sha, ci.PullRequest, "refs/pull/7/head"); err == nil {
			r.meant[sha] = true
			_, _ = r.flow.ApproveAsOperator(ctx, run.ID, string(sha), "api token ops") // refusals are fine
		}
	case 5: // a stranger approves, and asks again
		c := comment(66, []string{"/ok-to-test", "/retry", "/retry all"}[r.rnd.IntN(3)])
		c.At, c.Repo.ID = r.now, r.repoID
		r.happens(c)
	case 6: // something ended and somebody retries
		sha := ci.SHA(fmt.Sprintf("%040x", r.rnd.IntN(r.head+1)))
		run, err := r.db.RunOfEvent(ctx, r.repoID, sha, ci.PullRequest, "refs/pull/7/head")
		if err != nil {
			return
		}
		if run.State == ci.Queued || run.State == ci.Running {
			r.end(run, ci.Failure)
		}
		_, _ = r.flow.Retry(ctx, run.ID, r.rnd.IntN(2) == 0, "api token x")
	}
}

// check looks at what could be launched now.
func (r *race) check() {
	for _, job := range r.queued() {
		if r.seen[job.Name] {
			continue
		}
		r.seen[job.Name] = true
		run, err := r.db.Run(r.Context(), job.Run)
		r.must(err)
		if !r.meant[run.Event.SHA] {
			r.Fatalf("%s runs %s, which nobody approved; approved: %v", job.Name, run.Event.SHA, r.meant)
		}
		a, err := r.db.Approval(r.Context(), run)
		r.must(err)
		if a == nil || a.SHA != run.Event.SHA || a.Base != run.Event.PRBase ||
			a.Digest != fmt.Sprintf("%x", sha256.Sum256([]byte(r.file[a.SHA]))) {
			r.Fatalf("%s runs %s for base %s with the approval %+v", job.Name, run.Event.SHA, run.Event.PRBase, a)
		}
		if !strings.Contains(string(job.Manifest), string(run.Event.SHA)) {
			r.Fatalf("%s clones another commit than %s", job.Name, run.Event.SHA)
		}
	}
}

// round plays one interleaving and returns how many jobs could run in it.
func (r *race) round(steps int) int {
	r.file[r.sha()] = goodFile
	r.forge.Files = r
	r.forge.Members = r
	r.forge.PullRequests = r
	r.forge.Comments = r
	r.happens(r.event("opened"))
	for range steps {
		r.step()
		r.check()
	}
	for head := range r.head + 1 { // so that the next round's queue is its own
		runs, err := r.db.RunsOfCommit(r.Context(), r.repoID, ci.SHA(fmt.Sprintf("%040x", head)))
		r.must(err)
		for _, run := range runs {
			_, err := r.db.CancelRun(r.Context(), run.ID, "Over.")
			r.must(err)
		}
	}
	return len(r.seen)
}

// TestApprovalRace [PAC doc race; SRVKP-7238; CVE-2026-58424; CVE-2026-58439]:
// whatever order push, approval, retarget and retry come in, no commit runs that
// nobody approved, and none with an approval of another base or file. YACI_RACES=10000 plays that many interleavings.
func TestApprovalRace(t *testing.T) {
	rounds := 150
	if n, err := strconv.Atoi(os.Getenv("YACI_RACES")); err == nil {
		rounds = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("YACI_RACE_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d", seed)
	w := newWorld(t)
	ran := 0
	for i := range rounds {
		r := &race{
			world:  w,
			rnd:    rand.New(rand.NewPCG(seed, uint64(i))),
			now:    time.Now().Truncate(time.Second),
			base:   "main",
			repoID: int64(i + 1),
			file:   map[ci.SHA]string{},
			meant:  map[ci.SHA]bool{},
			seen:   map[ci.JobName]bool{},
			guid:   i * 1000,
		}
		ran += r.round(16)
	}
	t.Logf("%d jobs could run in %d interleavings", ran, rounds)
	if ran < rounds/10 {
		t.Errorf("only %d jobs in %d interleavings: the test has lost its teeth", ran, rounds)
	}
}
