package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Selection is what of a file runs for one event, with a sentence for each decision.
type Selection struct {
	Selected bool   // the event passes on, except for its path filters
	Runs     bool   // at least one job runs; implies Selected
	Why      string // of the whole
	Trigger  []Decision
	Jobs     []JobSelection // in the order of File.Jobs

	// Problems is what kept the file from being held against the event; then all else says what would run if it matched.
	Problems Problems
}

// JobSelection is the decision on one job and on its steps.
type JobSelection struct {
	Decision
	Steps []Decision
}

// Decision is yes or no, and why.
type Decision struct {
	What string // the key or the name that was decided on
	Runs bool
	Why  string
}

// NeedsPaths reports whether the changed paths of an event can matter to the file.
func (f *File) NeedsPaths() bool {
	push := f.On.Push
	if push != nil && len(push.Paths) > 0 {
		return true
	}
	pull := f.On.PullRequest
	if pull != nil && len(pull.Paths) > 0 {
		return true
	}
	return slices.ContainsFunc(f.Jobs, func(j *Job) bool {
		return slices.ContainsFunc(j.Steps, func(s *Step) bool { return len(s.When.Paths) > 0 })
	})
}

// Distinguishes reports whether a push and a pull request of one commit can
// lead to different runs.
func (f *File) Distinguishes() bool {
	return f.On.node != nil || slices.ContainsFunc(f.Jobs, func(j *Job) bool {
		return j.Clone.Merge ||
			slices.ContainsFunc(
				j.Steps,
				func(s *Step) bool { return len(s.When.Event)+len(s.When.Branch)+len(s.When.Paths) > 0 },
			)
	})
}

// Select decides what runs. A file that matches nothing selects nothing. The work of
// matching is bounded; see [Selection.Problems].
func (f *File) Select(in Input) Selection {
	in.work = &matchWork{left: maxMatchWork}
	s := f.selected(in)
	if in.work.problem != nil {
		s.Problems = Problems{problemAt(f.at("on"), *in.work.problem)}
	}
	return s
}

func (f *File) selected(in Input) Selection {
	s := Selection{Trigger: f.On.decide(in), Selected: true}
	if i := slices.IndexFunc(s.Trigger, func(d Decision) bool { return !d.Runs }); i >= 0 {
		s.Selected = slices.Contains(pathFilters(), s.Trigger[i].What)
		s.Why = fmt.Sprintf("Skipped: %s.", s.Trigger[i].Why)
		for _, j := range f.Jobs {
			s.Jobs = append(s.Jobs, JobSelection{Decision: Decision{What: j.Title(), Why: s.Trigger[i].Why}})
		}
		return s
	}
	for _, j := range f.Jobs {
		js := JobSelection{Decision: Decision{What: j.Title(), Why: "no step matches"}}
		for _, step := range j.Steps {
			d := step.When.decide(in)
			if step.left {
				d = Decision{Why: "another step was picked"}
			}
			d.What = step.Name
			js.Steps = append(js.Steps, d)
			if d.Runs && step.When.Status != "failure" { // steps for failures alone have nothing to wait for
				js.Runs, js.Why = true, "at least one step matches"
			}
		}
		s.Jobs = append(s.Jobs, js)
		s.Runs = s.Runs || js.Runs
	}
	if s.Why = fmt.Sprintf("Runs on %s.", in.what()); !s.Runs {
		s.Why = fmt.Sprintf("Skipped: no step matches %s.", in.what())
	}
	return s
}

// pathFilters are the filters of on that leave an event selected but with nothing to run.
func pathFilters() []string { return []string{"on.push.paths", "on.pull_request.paths"} }

// CouldSelectPull reports whether some action on a pull request into base could start a run.
func (f *File) CouldSelectPull(base string) bool {
	p := f.On.PullRequest
	switch {
	case f.On.node == nil:
		return true
	case p == nil:
		return false
	}
	return p.Branches.decide("on.pull_request.branches", "base branch", base).Runs
}

// SelectsByType reports whether only the list of types in the file lets a pull request's action start a
// run. Each occurrence of such an action is an occasion of its own.
func (f *File) SelectsByType(action string) bool {
	p := f.On.PullRequest
	return p != nil && action != "opened" && action != "synchronize" && slices.Contains(p.Types, action)
}

// Digest returns a short key for which jobs and steps run. Of one file, two events with the same digest
// run the same things.
func (s Selection) Digest() string {
	h := sha256.New()
	for _, j := range s.Jobs {
		fmt.Fprintf(h, "%q %t", j.What, j.Runs)
		for _, step := range j.Steps {
			fmt.Fprintf(h, " %t", step.Runs)
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// what names an event for people.
func (in Input) what() string {
	switch in.Event {
	case "push":
		return "a push to " + in.Branch
	case "tag":
		return "tag " + in.Tag
	case "pull_request":
		return fmt.Sprintf("pull request #%d into %s", in.PR, in.PRBase)
	case "merge_group":
		return "a merge group for " + in.PRBase
	}
	return "a command by the API"
}

// decide is one decision for each filter that the event meets; all must say yes.
func (o On) decide(in Input) []Decision {
	if in.Event == "api" {
		return nil
	}
	if o.node == nil { // no on at all
		if in.Event == "tag" || in.Event == "merge_group" {
			return []Decision{
				{
					"on",
					false,
					fmt.Sprintf(
						"the file does not name %s under on",
						map[string]string{"tag": "tags", "merge_group": "merge_group"}[in.Event],
					),
				},
			}
		}
		if in.PRAction == "closed" {
			return []Decision{{"on", false, "the file does not name closed under on.pull_request.types"}}
		}
		return []Decision{{"on", true, "the default is every branch push and every pull request"}}
	}
	switch in.Event {
	case "push", "tag":
		if o.MergeGroup != nil && strings.HasPrefix(in.Branch, "gh-readonly-queue/") {
			return []Decision{{"on.merge_group", false, "the merge group of this branch has a run of its own"}}
		}
		return o.Push.decide(in)
	case "pull_request":
		return o.PullRequest.decide(in)
	}
	return []Decision{named("on.merge_group", o.MergeGroup != nil)}
}

func named(what string, yes bool) Decision {
	if yes {
		return Decision{what, true, "the file names " + what}
	}
	return Decision{what, false, "the file does not name " + what}
}

func (p *PushFilter) decide(in Input) []Decision {
	ds := []Decision{named("on.push", p != nil)}
	if p == nil {
		return ds
	}
	if in.Event == "tag" {
		if len(p.Tags) == 0 {
			return append(ds, Decision{"on.push.tags", false, "the file names no tags under on.push"})
		}
		return append(ds, p.Tags.decideWith(in.work, "on.push.tags", "tag", in.Tag))
	}
	if len(p.Branches) == 0 && len(p.Tags) > 0 {
		return append(ds, Decision{"on.push.branches", false, "on.push names tags only"})
	}
	ds = append(ds, p.Branches.decideWith(in.work, "on.push.branches", "branch", in.Branch))
	return append(ds, p.Paths.decidePaths("on.push.paths", in))
}

func (p *PullFilter) decide(in Input) []Decision {
	ds := []Decision{named("on.pull_request", p != nil)}
	if p == nil {
		return ds
	}
	types := p.Types
	if types == nil {
		types = []string{"opened", "synchronize", "reopened", "ready_for_review"}
	}
	if in.PRAction != "" {
		// A new base is new content, as a new commit is, and is no action of its own.
		retargeted := in.PRRetargeted && (slices.Contains(types, "synchronize") || slices.Contains(types, "opened"))
		d := Decision{
			"on.pull_request.types",
			slices.Contains(types, in.PRAction),
			fmt.Sprintf("%s is one of types", in.PRAction),
		}
		switch {
		case d.Runs:
		case retargeted:
			d.Runs, d.Why = true, "the pull request has a new base branch"
		default:
			d.Why = fmt.Sprintf("%s is not one of types (%s)", in.PRAction, joined(types, ", "))
		}
		ds = append(ds, d)
	}
	ds = append(ds, p.Branches.decideWith(in.work, "on.pull_request.branches", "base branch", in.PRBase))
	return append(ds, p.Paths.decidePaths("on.pull_request.paths", in))
}

func (w When) decide(in Input) Decision {
	if len(w.Event) > 0 && !slices.Contains(w.Event, in.Event) {
		return Decision{
			"when.event",
			false,
			fmt.Sprintf("when.event is %s, and this is %s", joined(w.Event, ", "), in.what()),
		}
	}
	branch := in.Branch
	if in.Event == "pull_request" || in.Event == "merge_group" {
		branch = in.PRBase
	}
	if d := w.Branch.decideWith(in.work, "when.branch", "branch", branch); !d.Runs {
		return d
	}
	if d := w.Paths.decidePaths("when.paths", in); !d.Runs {
		return d
	}
	why := "nothing excludes it"
	if w.Status != "" {
		why = "when.status is " + w.Status
	}
	return Decision{"when", true, why}
}

// decide matches one name. No patterns match every name.
func (p Patterns) decide(what, kind, name string) Decision {
	return p.decideWith(&matchWork{left: maxMatchWork}, what, kind, name)
}

// decideWith is decide within a budget.
func (p Patterns) decideWith(work *matchWork, what, kind, name string) Decision {
	if len(p) == 0 {
		return Decision{what, true, fmt.Sprintf("every %s matches", kind)}
	}
	if name != "" {
		if _, yes := work.firstMatch(p, []string{name}, what); yes {
			return Decision{what, true, fmt.Sprintf("%s %q matches %s", kind, name, what)}
		}
	}
	return Decision{what, false, fmt.Sprintf("%s %q does not match %s (%s)", kind, name, what, joined(p, ", "))}
}

// decidePaths matches the changed paths. A comparison that is missing or was cut
// short counts as matching: better a run too many than a change that nobody tested.
func (p Patterns) decidePaths(what string, in Input) Decision {
	if len(p) == 0 {
		return Decision{what, true, "every path matches"}
	}
	if path, yes := in.work.firstMatch(p, in.Paths, what); yes {
		return Decision{what, true, fmt.Sprintf("%q matches %s", clipTo(path, maxQuotedBytes), what)}
	}
	if !in.PathsKnown {
		return Decision{what, true, "it is not known which paths changed, and so they match"}
	}
	return Decision{
		what,
		false,
		fmt.Sprintf("none of %d changed paths matches %s (%s)", len(in.Paths), what, joined(p, ", ")),
	}
}
