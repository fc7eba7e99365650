package decide_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// reported is a run with jobs, as "state title=state title=state".
func reported(words string) decide.Outcome {
	list := strings.Fields(words)
	o := decide.Outcome{Run: ci.Run{State: ci.State(list[0]), Message: "run " + list[0]}}
	for _, w := range list[1:] {
		switch title, state, ok := strings.Cut(w, "="); {
		case w == "fork":
			o.Run.Event.Fork = true
		case w == "started":
			o.Run.Started = time.Unix(1, 0)
		case ok:
			o.Jobs = append(o.Jobs, ci.Job{Title: title, State: ci.State(state), Message: "job " + state})
		}
	}
	return o
}

// TestReports: which contexts a commit has and what they say.
func TestReports(t *testing.T) {
	for name, c := range map[string]struct {
		runs      []string
		expecting bool
		want      string
		showing   []string
	}{
		"one job without a name": {[]string{"success =success"}, false, "yaci=success", nil},
		"G6 a job with a name":   {[]string{"success unit=success"}, false, "yaci=success yaci/unit=success", nil},
		"G6 a skipped job":       {[]string{"success unit=success ship=skipped"}, false, "yaci=success yaci/unit=success yaci/ship=skipped", nil},
		"G6 a skipped run":       {[]string{"skipped unit=skipped ship=skipped"}, false, "yaci=skipped yaci/unit=skipped yaci/ship=skipped", nil},
		"G1 another event is stored": {[]string{"skipped unit=skipped"}, true,
			"", nil},
		"G1 a job is skipped, another event is stored":     {[]string{"success unit=success ship=skipped"}, true, "yaci=success yaci/unit=success", nil},
		"G1 a pull request is open":                        {[]string{"skipped unit=skipped", "awaits"}, false, "yaci=withdrawn yaci/unit=withdrawn", nil},
		"G1 a pull request is open, another run has ended": {[]string{"skipped unit=skipped", "awaits", "success unit=success"}, false, "yaci=success yaci/unit=success", nil},
		"G1 the pull request runs":                         {[]string{"skipped unit=skipped", "queued unit=queued"}, false, "yaci=queued yaci/unit=queued", nil},
		"the worst run":                                    {[]string{"success a=success", "failure b=failure"}, false, "yaci=failure yaci/a=success yaci/b=failure", nil},
		"S18 the worst job of a name":                      {[]string{"failure unit=failure", "success unit=success"}, false, "yaci=failure yaci/unit=failure", nil},
		"S18 in the other order":                           {[]string{"success unit=success", "failure unit=failure"}, false, "yaci=failure yaci/unit=failure", nil},
		"S6 a held fork beside an own run":                 {[]string{"success unit=success", "held fork"}, false, "yaci=success yaci/unit=success", nil},
		"S6 a broken fork beside an own run":               {[]string{"success unit=success", "error fork"}, false, "yaci=success yaci/unit=success", nil},
		"S6 a held fork that came first":                   {[]string{"held fork", "success unit=success"}, false, "yaci=success yaci/unit=success", nil},
		"S6 an approved fork counts":                       {[]string{"success unit=success", "failure fork started unit=failure"}, false, "yaci=failure yaci/unit=failure", nil},
		"S6 a fork alone":                                  {[]string{"held fork"}, false, "yaci=held", nil},
		"S18 names that differ in case":                    {[]string{"failure Unit=failure unit=success"}, false, "yaci=failure yaci/Unit=failure", nil},
		"S18 in case, in the other order":                  {[]string{"success unit=success", "failure UNIT=failure"}, false, "yaci=failure yaci/unit=failure", nil},
		"G2 a held attempt voids older jobs":               {[]string{"held"}, false, "yaci=held yaci/unit=held", []string{"check:yaci/unit", "lint", "yaci", "yaci/unit"}},
		"G2 a broken attempt voids older jobs":             {[]string{"error"}, false, "yaci=error yaci/unit=error", []string{"yaci/unit"}},
		"G2 another run has the job":                       {[]string{"held fork", "success unit=success"}, false, "yaci=success yaci/unit=success", []string{"yaci/unit"}},
		"G2 a job of another version":                      {[]string{"running unit=running"}, false, "yaci=running yaci/unit=running", []string{"yaci/u"}},
	} {
		t.Run(name, func(t *testing.T) {
			var all []decide.Outcome
			awaited := 0
			for _, r := range c.runs {
				if r == "awaits" {
					awaited = 7
					continue
				}
				all = append(all, reported(r))
			}
			var got []string
			for _, r := range decide.Reports(all, c.expecting, awaited, c.showing) {
				state := string(r.State)
				if r.Withdraws {
					state = "withdrawn"
				}
				got = append(got, fmt.Sprintf("%s=%s", r.Context, state))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}
