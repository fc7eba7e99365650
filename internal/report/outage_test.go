package report_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
)

// These tests run on a virtual clock.

// run lets the sender and the checker do what they do, as their loops would.
func (w *world) run(d time.Duration) {
	w.Helper()
	step := min(max(d/1000, time.Second), 20*time.Second)
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(step) {
		w.pass()
		if time.Now().Second()%20 < int(step/time.Second) {
			if err := w.verifier.Pass(w.Context()); err != nil {
				w.Error(err)
			}
		}
	}
}

// GitHub is down for six hours while runs begin and end. Afterwards each
// commit gets its last state, and nothing else.
func TestOutageOfSixHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 5 {
			sha := ci.SHA(fmt.Sprint(i))
			w.startIn(ci.Repo{ID: int64(i), Installation: 1}, sha)
			w.gh.fail[sha] = errSilent
		}
		w.run(time.Hour)
		for i := range 4 {
			w.end(ci.SHA(fmt.Sprint(i)), ci.Success)
		}
		w.run(5 * time.Hour)
		if tries := len(w.gh.at); tries > 5*(6*12+20) {
			t.Errorf("%d calls in six hours", tries)
		}
		clear(w.gh.fail)
		w.run(6 * time.Minute)
		if len(w.gh.got) != 5 {
			t.Errorf("GitHub got %q, want each once", w.gh.got)
		}
		for i, want := range []string{"success", "success", "success", "success", "pending"} {
			if shown, _ := w.gh.ShownStatuses(t.Context(), ci.Repo{}, ci.SHA(fmt.Sprint(i))); string(shown["yaci"]) != want {
				t.Errorf("%d shows %v, want %s", i, shown, want)
			}
		}
		w.run(time.Hour)
		if len(w.gh.got) != 5 {
			t.Errorf("GitHub got %q later", w.gh.got)
		}
	})
}

// A pending status whose call was given up here arrives after the ending. A look
// at the commit finds it, and the ending is told again.
func TestPendingThatArrivesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a")
		w.gh.late = func(st ci.Status) bool { return st.State == "pending" }
		w.pass()
		w.end("a", ci.Success)
		w.run(2 * time.Second)
		w.want("a: success")
		w.gh.mu.Lock()
		w.gh.got = append(w.gh.got, "a: pending") // only now
		w.gh.mu.Unlock()
		w.run(2 * time.Minute)
		w.want("a: success", "a: pending", "a: success")
	})
}

// A status that GitHub took and lost is found at the one look that each ending gets.
func TestStatusThatGitHubLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a")
		w.end("a", ci.Failure)
		w.run(2 * time.Second)
		w.want("a: failure")
		w.gh.got = nil
		w.run(11 * time.Minute)
		w.want("a: failure")
		due, err := w.outbox.StatusesToVerify(t.Context(), report.StatusReporter, 10)
		if err != nil || len(due) != 0 {
			t.Errorf("%+v is to be looked at, %v", due, err)
		}
		w.run(11 * time.Minute)
		w.want("a: failure")
		if left, _ := w.outbox.StatusesToVerify(t.Context(), report.StatusReporter, 10); len(left) != 0 {
			t.Errorf("%+v is looked at for ever", left)
		}
	})
}

// A commit that is gone is asked for ever less, and given up after a day; a
// newer state is tried all the same.
func TestCommitThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start("a")
		w.gh.fail["a"] = errGone
		w.run(26 * time.Hour)
		tries := len(w.gh.at)
		if tries > 40 {
			t.Errorf("%d calls for a commit that is gone", tries)
		}
		w.run(3 * time.Hour)
		if len(w.gh.at) != tries {
			t.Errorf("%d calls after it was given up", len(w.gh.at)-tries)
		}
		clear(w.gh.fail)
		w.end("a", ci.Success)
		w.run(2 * time.Second)
		w.want("a: success")
	})
}

// One installation's limit stops its repositories, and no others; afterwards it
// goes slowly, one call a second.
func TestLimitOfAnInstallation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.classifyBy(ci.APIError{Wait: 10 * time.Minute, InstallationWide: true, Throttled: true})
		w.startIn(ci.Repo{ID: 10, Installation: 1}, "l0")
		w.gh.fail["l0"] = errLimit
		w.pass()
		for i := range 4 {
			w.startIn(ci.Repo{ID: int64(11 + i), Installation: 1}, ci.SHA(fmt.Sprintf("l%d", i+1)))
		}
		w.startIn(ci.Repo{ID: 20, Installation: 2}, "other")
		w.run(9 * time.Minute)
		w.want("other: pending")
		if len(w.gh.at) != 2 {
			t.Errorf("%d calls while GitHub asked to wait", len(w.gh.at))
		}
		clear(w.gh.fail)
		w.run(2 * time.Minute)
		if len(w.gh.got) != 6 {
			t.Errorf("GitHub got %q", w.gh.got)
		}
		for i := 3; i < len(w.gh.at); i++ {
			if gap := w.gh.at[i].Sub(w.gh.at[i-1]); gap < time.Second {
				t.Errorf("two calls within %v", gap)
			}
		}
	})
}

// GitHub stops an installation while a list of what is due is being read: nothing
// of that list is sent.
func TestLimitWhileTheListIsRead(t *testing.T) {
	w := newWorld(t)
	w.classifyBy(ci.APIError{Wait: 10 * time.Minute, InstallationWide: true})
	w.startIn(ci.Repo{ID: 1, Installation: 1}, "first")
	w.gh.fail["first"] = errLimit
	answer := make(chan struct{})
	w.gh.then = func() { <-answer }
	if err := w.sender.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		w.startIn(ci.Repo{ID: int64(2 + i), Installation: 1}, ci.SHA(fmt.Sprint(i)))
	}
	w.outbox.read = func() { close(answer); w.sender.Wait() }
	w.pass()
	if len(w.gh.at) != 1 {
		t.Errorf("%d calls, want the first alone", len(w.gh.at))
	}
}

// An installation that is gone is asked about once an hour at most, and after a
// day nothing of it waits any more.
func TestInstallationThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.classifyBy(ci.APIError{InstallationWide: true, Permanent: true})
		for i := range 50 {
			sha := ci.SHA(fmt.Sprint(i))
			w.startIn(ci.Repo{ID: int64(i), Installation: 1}, sha)
			w.gh.fail[sha] = errGone
		}
		w.run(30 * time.Hour)
		if tries := len(w.gh.at); tries > 8*2*26 { // eight at once, and a day has 25 hours with its two ends
			t.Errorf("%d calls for an installation that is gone", tries)
		}
		before := len(w.gh.at)
		w.run(3 * time.Hour)
		if len(w.gh.at) != before {
			t.Errorf("%d calls afterwards", len(w.gh.at)-before)
		}
	})
}

// One slow repository does not hold up another.
func TestSlowRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.startIn(ci.Repo{ID: 1}, "slow")
		w.gh.then = func() { time.Sleep(20 * time.Second) }
		if err := w.sender.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.gh.mu.Lock()
		w.gh.then = nil
		w.gh.mu.Unlock()
		w.startIn(ci.Repo{ID: 2}, "quick")
		if err := w.sender.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.gh.mu.Lock()
		w.want("quick: pending")
		w.gh.mu.Unlock()
		w.sender.Wait()
		w.want("quick: pending", "slow: pending")
	})
}
