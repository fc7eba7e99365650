package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Selection says what of a file runs for one event, with a reason for each decision.
type Selection struct {
	Selected bool   // the event passes all filters under on, except perhaps those for paths
	Runs     bool   // at least one job runs; implies Selected
	Why      string // of the whole
	Trigger  []Decision
	Jobs     []JobSelection // in the order of File.Jobs

	// Problems is set if the file could not be matched against the event within its budget. The
	// other fields then say what would run if the filter in question matched.
	Problems Problems
}

// JobSelection is the decision on one job and on its steps.
type JobSelection struct {
	Decision
	Steps []Decision
}

// Decision says whether something runs, and why.
type Decision struct {
	What string // the key or the name that was decided on
	Runs bool
	Why  string
}

// NeedsPaths reports whether the selection can depend on the changed paths of an event.
func (f *File) NeedsPaths() bool {
	if p := f.On.Push; p != nil && len(p.Paths) > 0 {
		return true
	}
	if p := f.On.PullRequest; p != nil && len(p.Paths) > 0 {
		return true
	}
	return slices.ContainsFunc(f.Jobs, func(j *Job) bool {
		return slices.ContainsFunc(j.Steps, func(s *Step) bool { return len(s.When.Paths) > 0 })
	})
}

// Distinguishes reports whether a push and a pull request of the same commit can run differently.
func (f *File) Distinguishes() bool {
	dependsOnEvent := func(s *Step) bool { return len(s.When.Event)+len(s.When.Branch)+len(s.When.Paths) > 0 }
	return f.On.node != nil || slices.ContainsFunc(f.Jobs, func(j *Job) bool {
		return j.Clone.Merge || slices.ContainsFunc(j.Steps, dependsOnEvent)
	})
}

// CouldSelectPull reports whether some action on a pull request into a base branch could start a run.
func (f *File) CouldSelectPull(base string) bool {
	p := f.On.PullRequest
	switch {
	case f.On.node == nil:
		return true
	case p == nil:
		return false
	}
	return p.Branches.decide(newMatchBudget(), "on.pull_request.branches", "base branch", base).Runs
}

// SelectsByType reports whether a pull request's action starts a run only because the file lists it
// under types. Each occurrence of such an action is a run of its own.
func (f *File) SelectsByType(action string) bool {
	p := f.On.PullRequest
	return p != nil && action != "opened" && action != "synchronize" && slices.Contains(p.Types, action)
}

// Select decides what runs for an event. The work of matching is limited: see [Selection.Problems].
func (f *File) Select(in Input) Selection {
	in.budget = newMatchBudget()
	s := f.selectJobs(in)
	if p := in.budget.problem; p != nil {
		at := f.at("on")
		s.Problems = Problems{{Line: max(at.Line, 1), Column: max(at.Column, 1), Text: p.Text}}
	}
	return s
}

func newMatchBudget() *matchBudget { return &matchBudget{remaining: maxMatchWork} }

// selectJobs decides by the filters under on, and then for each job and step.
func (f *File) selectJobs(in Input) Selection {
	s := Selection{Trigger: f.On.decide(in), Selected: true}
	if i := slices.IndexFunc(s.Trigger, func(d Decision) bool { return !d.Runs }); i >= 0 {
		failed := s.Trigger[i]
		s.Selected = failed.What == "on.push.paths" || failed.What == "on.pull_request.paths"
		s.Why = fmt.Sprintf("Skipped: %s.", failed.Why)
		for _, j := range f.Jobs {
			s.Jobs = append(s.Jobs, JobSelection{Decision: Decision{What: j.Title(), Why: failed.Why}})
		}
		return s
	}

	for _, j := range f.Jobs {
		selection := j.selectSteps(in)
		s.Jobs = append(s.Jobs, selection)
		s.Runs = s.Runs || selection.Runs
	}
	s.Why = fmt.Sprintf("Runs on %s.", in.describe())
	if !s.Runs {
		s.Why = fmt.Sprintf("Skipped: no step matches %s.", in.describe())
	}
	return s
}

// selectSteps decides which steps of a job run. The job runs if one of them does that is not for
// failures only.
func (j *Job) selectSteps(in Input) JobSelection {
	selection := JobSelection{Decision: Decision{What: j.Title(), Why: "no step matches"}}
	for _, step := range j.Steps {
		d := step.When.decide(in)
		if step.excluded {
			d = Decision{Why: "only other steps were selected"}
		}
		d.What = step.Name
		selection.Steps = append(selection.Steps, d)
		if d.Runs && step.When.Status != "failure" { // steps for failures alone have nothing to react to
			selection.Runs = true
			selection.Why = "at least one step matches"
		}
	}
	return selection
}

// Digest returns a short hash of which jobs and steps run. If two events have the same digest for the
// same file, they run the same steps.
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

// describe names the event for people.
func (in Input) describe() string {
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
	return "a command sent to the API"
}

// decide returns one decision for each filter that applies to the event. The event starts a run only
// if all of them agree.
func (o On) decide(in Input) []Decision {
	if in.Event == "api" {
		return nil
	}
	if o.node == nil { // the file has no on
		return []Decision{decideDefault(in)}
	}
	switch in.Event {
	case "push", "tag":
		if o.MergeGroup != nil && strings.HasPrefix(in.Branch, "gh-readonly-queue/") {
			return []Decision{{What: "on.merge_group", Why: "the merge group of this branch has its own run"}}
		}
		return o.Push.decide(in)
	case "pull_request":
		return o.PullRequest.decide(in)
	}
	return []Decision{namesEvent("on.merge_group", o.MergeGroup != nil)}
}

// decideDefault decides for a file without on.
func decideDefault(in Input) Decision {
	switch {
	case in.Event == "tag":
		return Decision{What: "on", Why: "the file does not name tags under on"}
	case in.Event == "merge_group":
		return Decision{What: "on", Why: "the file does not name merge_group under on"}
	case in.PRAction == "closed":
		return Decision{What: "on", Why: "the file does not name closed under on.pull_request.types"}
	}
	return Decision{What: "on", Runs: true, Why: "the default is every branch push and every pull request"}
}

// namesEvent returns the decision of whether the file names an event at all.
func namesEvent(key string, named bool) Decision {
	if named {
		return Decision{What: key, Runs: true, Why: "the file names " + key}
	}
	return Decision{What: key, Why: "the file does not name " + key}
}

// decide returns the decisions for a push to a branch or a tag. A nil filter excludes both. Tags
// start a run only if the file lists patterns for them.
func (p *PushFilter) decide(in Input) []Decision {
	list := []Decision{namesEvent("on.push", p != nil)}
	if p == nil {
		return list
	}
	if in.Event == "tag" {
		if len(p.Tags) == 0 {
			return append(list, Decision{What: "on.push.tags", Why: "the file names no tags under on.push"})
		}
		return append(list, p.Tags.decide(in.budget, "on.push.tags", "tag", in.Tag))
	}
	if len(p.Branches) == 0 && len(p.Tags) > 0 {
		return append(list, Decision{What: "on.push.branches", Why: "on.push names tags only"})
	}
	list = append(list, p.Branches.decide(in.budget, "on.push.branches", "branch", in.Branch))
	return append(list, p.Paths.decidePaths("on.push.paths", in))
}

// decide returns the decisions for an action on a pull request. An empty PRAction matches all
// types.
func (p *PullFilter) decide(in Input) []Decision {
	list := []Decision{namesEvent("on.pull_request", p != nil)}
	if p == nil {
		return list
	}
	if in.PRAction != "" {
		list = append(list, p.decideType(in))
	}
	list = append(list, p.Branches.decide(in.budget, "on.pull_request.branches", "base branch", in.PRBase))
	return append(list, p.Paths.decidePaths("on.pull_request.paths", in))
}

// decideType decides by the action. The default is every action that changes the content to test,
// or makes the pull request ready for it.
func (p *PullFilter) decideType(in Input) Decision {
	types := p.Types
	if types == nil {
		types = []string{"opened", "synchronize", "reopened", "ready_for_review"}
	}
	const what = "on.pull_request.types"
	// A new base branch changes the content, as a new commit does. It has no action of its own.
	retargeted := in.PRRetargeted && (slices.Contains(types, "synchronize") || slices.Contains(types, "opened"))
	switch {
	case slices.Contains(types, in.PRAction):
		return Decision{What: what, Runs: true, Why: fmt.Sprintf("%s is one of types", in.PRAction)}
	case retargeted:
		return Decision{What: what, Runs: true, Why: "the pull request has a new base branch"}
	}
	return Decision{What: what, Why: fmt.Sprintf("%s is not one of types (%s)", in.PRAction, joinShort(types, ", "))}
}

// decide returns the first filter of a step that excludes the event, or a decision to run.
func (w When) decide(in Input) Decision {
	if len(w.Event) > 0 && !slices.Contains(w.Event, in.Event) {
		why := fmt.Sprintf("when.event is %s, and this is %s", joinShort(w.Event, ", "), in.describe())
		return Decision{What: "when.event", Why: why}
	}
	branch := in.Branch
	if in.Event == "pull_request" || in.Event == "merge_group" {
		branch = in.PRBase
	}
	if d := w.Branch.decide(in.budget, "when.branch", "branch", branch); !d.Runs {
		return d
	}
	if d := w.Paths.decidePaths("when.paths", in); !d.Runs {
		return d
	}
	why := "nothing excludes it"
	if w.Status != "" {
		why = "when.status is " + w.Status
	}
	return Decision{What: "when", Runs: true, Why: why}
}

// FilterSteps excludes everything but the named steps, and the combinations with the given values of
// matrix variables. An empty list of names, or of values, excludes nothing. The error says which
// names and values the file has.
func (f *File) FilterSteps(names []string, values map[string]string) error {
	jobs := f.Jobs
	for _, name := range slices.Sorted(maps.Keys(values)) {
		var kept Jobs
		var others []string
		for _, j := range jobs {
			i := slices.IndexFunc(j.combination, func(v variable) bool { return v.name == name })
			switch {
			case i < 0: // a job without this variable
			case j.combination[i].value == values[name]:
				kept = append(kept, j)
			case !slices.Contains(others, j.combination[i].value):
				others = append(others, j.combination[i].value)
			}
		}
		if len(kept) == 0 && len(others) == 0 {
			return fmt.Errorf("no matrix of the file has a variable %s", name)
		}
		if len(kept) == 0 {
			return fmt.Errorf("%s has no value %q in the file's matrix; it has "+
				"%s", name, values[name], strings.Join(others, ", "))
		}
		jobs = kept
	}

	var existing []string
	for _, j := range jobs {
		for _, s := range j.Steps {
			s.excluded = len(names) > 0 && !slices.Contains(names, s.Name)
			if !slices.Contains(existing, s.Name) {
				existing = append(existing, s.Name)
			}
		}
	}
	for _, name := range names {
		if !slices.Contains(existing, name) {
			return fmt.Errorf("the file has no step %q; it has: %s", name, strings.Join(existing, ", "))
		}
	}
	f.Jobs = jobs
	return nil
}
