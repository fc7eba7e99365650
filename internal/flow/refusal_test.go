package flow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
)

// S22: however often somebody asks for what they may not have, they are told once an hour; others are told as well.
func TestS22RefusalsAreFew(t *testing.T) {
	w := newWorld(t)
	w.configure(func(c *flow.Config) { c.Store = w.db })
	w.arrive("pull", forkAt("opened", "a"))
	n := 0
	say := func(by int64, pull int, body string) {
		n++
		ev := comment(by, body)
		ev.PR, ev.Comment = pull, int64(n)
		w.arrive(fmt.Sprintf("c%d", n), ev)
	}
	for range 5 {
		say(66, 7, "/retry")
		say(66, 7, "/ok-to-test")
		say(66, 7, "/cancel")
	}
	if len(w.pulls.posted) != 1 {
		t.Errorf("one stranger was told %d times: %q", len(w.pulls.posted), w.pulls.posted)
	}
	say(67, 7, "/retry")
	say(66, 8, "/retry")
	say(67, 7, "/retry all")
	if len(w.pulls.posted) != 3 {
		t.Errorf("another one, and on another pull request: %q", w.pulls.posted)
	}
	list, err := w.db.Deliveries(t.Context(), ci.DeliveryIgnored, 0, 100)
	w.must(err)
	for _, d := range list {
		if !strings.HasPrefix(d.Reason, "Refused: ") {
			t.Errorf("%+v", d)
		}
	}
}

// S5: two heads begin with the same digits. The approval of the first, which is handled when the second has taken its
// place, runs neither.
func TestS5SameDigits(t *testing.T) {
	w := newWorld(t)
	first, second := forkAt("opened", "a"), forkAt("synchronize", "a")
	first.SHA = ci.SHA(strings.Repeat("a", 20) + strings.Repeat("1", 20))
	second.SHA = ci.SHA(strings.Repeat("a", 20) + strings.Repeat("2", 20))
	second.Before = first.SHA
	w.arrive("first", first)
	w.arrive("second", second)
	w.pulls.pull = ci.Pull{Head: second.SHA, Base: "main"}
	for i, digits := range []int{7, 12, 20} {
		w.arrive(fmt.Sprint("c", i), comment(9, "/ok-to-test "+string(first.SHA[:digits])))
		if run, err := w.flow.ApproveAsOperator(t.Context(), w.runOf(second).ID, string(first.SHA[:digits]), "api token x"); err == nil {
			t.Errorf("%d digits: %+v", digits, run)
		}
	}
	run := w.runOf(second)
	if run.State != ci.Held || len(w.pulls.posted) != 3 {
		t.Errorf("%s, said %q", run.State, w.pulls.posted)
	}
	w.arrive("all", comment(9, "/ok-to-test "+string(second.SHA)))
	if run := w.runOf(second); run.State != ci.Queued {
		t.Errorf("%s, said %q", run.State, w.pulls.posted)
	}
}

// O8: no id of a run can be a commit's, nor the beginning of one.
func TestO8RunIDs(t *testing.T) {
	w := newWorld(t)
	seen := map[ci.JobName]bool{}
	for range 50 {
		name, err := w.flow.Command(t.Context(), "alpine", "true")
		w.must(err)
		id := strings.TrimPrefix(string(name), "yaci-")[:10]
		if id[0] != 'r' || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" || seen[name] {
			t.Errorf("%s", name)
		}
		seen[name] = true
	}
}
