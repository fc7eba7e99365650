package decide_test

import (
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

func TestNewer(t *testing.T) {
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	ev := func(sha, before string, at time.Time) ci.Event {
		return ci.Event{SHA: ci.SHA(sha), Before: ci.SHA(before), At: at}
	}
	for name, c := range map[string]struct {
		a, b ci.Event
		want decide.Order
		why  string
	}{
		"pushed onto it":          {ev("a", "0", at(1)), ev("b", "a", at(2)), decide.Second, "it replaced a"},
		"the dates contradict it": {ev("a", "0", at(2)), ev("b", "a", at(1)), decide.Torn, ""},
		"in the same second":      {ev("a", "0", at(1)), ev("b", "a", at(1)), decide.Torn, ""},
		"the ref came back":       {ev("a", "c", at(9)), ev("b", "a", at(1)), decide.Torn, ""},
		"later":                   {ev("a", "0", at(1)), ev("c", "b", at(3)), decide.Second, "GitHub dates it later"},
		"to and fro":              {ev("a", "b", at(3)), ev("b", "a", at(2)), decide.First, "GitHub dates it later"},
		"at once":                 {ev("a", "0", at(1)), ev("c", "b", at(1)), decide.Unsure, ""},
		"without a date":          {ev("a", "0", at(1)), ev("c", "b", time.Time{}), decide.Unsure, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := decide.Newer(c.a, c.b)
			if got != c.want || why != c.why {
				t.Errorf("%s, %q; want %s, %q", got, why, c.want, c.why)
			}
			mirror := map[decide.Order]decide.Order{
				decide.First:  decide.Second,
				decide.Second: decide.First,
				decide.Unsure: decide.Unsure,
				decide.Torn:   decide.Torn,
			}
			got, why = decide.Newer(c.b, c.a)
			if got != mirror[c.want] || why != c.why {
				t.Errorf("the other way round: %s, %q", got, why)
			}
		})
	}
}

func TestByHead(t *testing.T) {
	a, b := ci.Event{SHA: "a", At: time.Unix(1, 0)}, ci.Event{SHA: "b", At: time.Unix(2, 0)}
	for head, want := range map[ci.SHA]decide.Order{"a": decide.First, "b": decide.Second, "c": decide.Second, "": decide.Second} {
		if got, _ := decide.ByHead(a, b, head); got != want {
			t.Errorf("head %q: %s, want %s", head, got, want)
		}
	}
	b = ci.Event{SHA: "b", Before: "a", At: a.At}
	got, why := decide.ByHead(a, b, "c")
	if got != decide.Second || why != "it replaced a" {
		t.Errorf("in the same second: %s, %q", got, why)
	}
	got, why = decide.ByHead(b, a, "c")
	if got != decide.First || why != "it replaced a" {
		t.Errorf("in the same second, the other way round: %s, %q", got, why)
	}
}

func TestByHistory(t *testing.T) {
	for relation, want := range map[string]decide.Order{"ahead": decide.Second, "behind": decide.First, "diverged": decide.Second, "": decide.Second} {
		if got, _ := decide.ByHistory(relation); got != want {
			t.Errorf("%q: %s, want %s", relation, got, want)
		}
	}
	if got, want := decide.Superseded("abc1234567", "GitHub dates it later"), "Superseded by a newer push (abc1234). It is the newer: GitHub dates it later."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
