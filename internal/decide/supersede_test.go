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
		"pushed onto it":          {ev("a", "0", at(1)), ev("b", "a", at(2)), decide.Second, "which replaced a"},
		"the dates contradict it": {ev("a", "0", at(2)), ev("b", "a", at(1)), decide.Contradictory, ""},
		"in the same second":      {ev("a", "0", at(1)), ev("b", "a", at(1)), decide.Contradictory, ""},
		"the ref came back":       {ev("a", "c", at(9)), ev("b", "a", at(1)), decide.Contradictory, ""},
		"later":                   {ev("a", "0", at(1)), ev("c", "b", at(3)), decide.Second, "which GitHub dates later"},
		"to and fro":              {ev("a", "b", at(3)), ev("b", "a", at(2)), decide.First, "which GitHub dates later"},
		"at once":                 {ev("a", "0", at(1)), ev("c", "b", at(1)), decide.Unknown, ""},
		"without a date":          {ev("a", "0", at(1)), ev("c", "b", time.Time{}), decide.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := decide.Comparison{Order: c.want, Reason: c.why}
			if got := decide.Newer(c.a, c.b); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			mirror := map[decide.Order]decide.Order{
				decide.First:         decide.Second,
				decide.Second:        decide.First,
				decide.Unknown:       decide.Unknown,
				decide.Contradictory: decide.Contradictory,
			}
			want.Order = mirror[c.want]
			if got := decide.Newer(c.b, c.a); got != want {
				t.Errorf("the other way round: %+v, want %+v", got, want)
			}
		})
	}
}

func TestNewerByHead(t *testing.T) {
	a, b := ci.Event{SHA: "a", At: time.Unix(1, 0)}, ci.Event{SHA: "b", At: time.Unix(2, 0)}
	for head, want := range map[ci.SHA]decide.Order{"a": decide.First, "b": decide.Second, "c": decide.Second, "": decide.Second} {
		if got := decide.NewerByHead(a, b, head).Order; got != want {
			t.Errorf("head %q: %s, want %s", head, got, want)
		}
	}
	b = ci.Event{SHA: "b", Before: "a", At: a.At}
	want := decide.Comparison{Order: decide.Second, Reason: "which replaced a"}
	if got := decide.NewerByHead(a, b, "c"); got != want {
		t.Errorf("in the same second: %+v", got)
	}
	want.Order = decide.First
	if got := decide.NewerByHead(b, a, "c"); got != want {
		t.Errorf("in the same second, the other way round: %+v", got)
	}
}

func TestNewerByHistory(t *testing.T) {
	for relation, want := range map[string]decide.Order{"ahead": decide.Second, "behind": decide.First, "diverged": decide.Second, "": decide.Second} {
		if got := decide.NewerByHistory(relation).Order; got != want {
			t.Errorf("%q: %s, want %s", relation, got, want)
		}
	}
	want := "Superseded by abc1234, which GitHub dates later."
	if got := decide.Superseded("abc1234567", "which GitHub dates later"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
