package wire

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Run is a run.
type Run struct {
	ID       ci.RunID   `json:"id"`
	Number   int64      `json:"number"` // 0: it has no repository
	Repo     string     `json:"repo,omitempty"`
	Event    ci.Kind    `json:"event"`
	SHA      ci.SHA     `json:"sha,omitempty"`
	Ref      string     `json:"ref,omitempty"`
	Branch   string     `json:"branch,omitempty"`
	Tag      string     `json:"tag,omitempty"`
	PR       int        `json:"pr,omitempty"`
	Title    string     `json:"title,omitempty"`
	Author   string     `json:"author,omitempty"`
	Attempt  int        `json:"attempt"`
	State    ci.State   `json:"state"`
	Message  string     `json:"message"`
	Created  time.Time  `json:"created"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
}

// OfRun is a run as JSON tells of it.
func OfRun(r ci.Run) Run {
	ev := r.Event
	out := Run{
		ID:       r.ID,
		Number:   r.Number,
		Event:    ev.Kind,
		SHA:      ev.SHA,
		Ref:      ev.Ref,
		Branch:   ev.Branch,
		Tag:      ev.Tag,
		PR:       ev.PR,
		Title:    ev.Title,
		Author:   ev.Actor.Login,
		Attempt:  r.Attempt,
		State:    r.State,
		Message:  r.Message,
		Created:  r.Created,
		Started:  At(r.Started),
		Finished: At(r.Finished),
	}
	if ev.Repo.ID != 0 {
		out.Repo = ev.Repo.FullName()
	}
	return out
}

// Job is a job of one attempt.
type Job struct {
	Name          ci.JobName     `json:"name"`
	Run           ci.RunID       `json:"run"`
	Attempt       int            `json:"attempt"`
	Title         string         `json:"title,omitempty"`
	State         ci.State       `json:"state"`
	Message       string         `json:"message"`
	Detail        string         `json:"detail,omitempty"` // the cluster's own words
	Started       *time.Time     `json:"started,omitempty"`
	Finished      *time.Time     `json:"finished,omitempty"`
	Interruptions []Interruption `json:"losses"`
	Steps         []Step         `json:"steps"`
	Services      []Service      `json:"services,omitempty"`
}

// Service is a container beside the steps of a job.
type Service struct {
	Name      string     `json:"name"`
	Container string     `json:"container"` // names its log
	State     ci.State   `json:"state"`
	Exit      int        `json:"exit"`
	Started   *time.Time `json:"started,omitempty"`
	Finished  *time.Time `json:"finished,omitempty"`
}

// Interruption is one time that the cluster lost a job.
type Interruption struct {
	At     time.Time `json:"at"`
	Reason string    `json:"why"`
	Detail string    `json:"detail,omitempty"`
}

// Step is a step of a job.
type Step struct {
	Name      string     `json:"name"`
	Container string     `json:"container"` // names its log
	State     ci.State   `json:"state"`
	Exit      int        `json:"exit"`
	Allowed   bool       `json:"allowed,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Started   *time.Time `json:"started,omitempty"`
	Finished  *time.Time `json:"finished,omitempty"`
	Lines     int64      `json:"lines"`
	Bytes     int64      `json:"bytes"`
	Memory    int64      `json:"memory,omitempty"`       // peak, in bytes
	Limit     int64      `json:"memory_limit,omitempty"` // in bytes
	CPU       int64      `json:"cpu_ms,omitempty"`
	Attempts  int        `json:"attempts,omitempty"` // how often its command was run
}

// OfJob is a job as JSON tells of it.
func OfJob(j ci.Job) Job {
	out := Job{
		Name:          j.Name,
		Run:           j.Run,
		Attempt:       j.Attempt,
		Title:         j.Title,
		State:         j.State,
		Message:       j.Message,
		Detail:        j.Detail,
		Started:       At(j.Started),
		Finished:      At(j.Finished),
		Interruptions: []Interruption{},
		Steps:         []Step{},
	}
	for _, l := range j.Interruptions {
		out.Interruptions = append(out.Interruptions, Interruption{At: l.At, Reason: l.Reason, Detail: l.Detail})
	}
	for _, s := range j.Steps {
		out.Steps = append(out.Steps, Step{
			Name:      s.Name,
			Container: s.Container,
			State:     s.State,
			Exit:      s.Exit,
			Allowed:   s.Allowed,
			Reason:    s.Reason,
			Started:   At(s.Started),
			Finished:  At(s.Finished),
			Lines:     s.Lines,
			Bytes:     s.Bytes,
			Memory:    s.Memory,
			Limit:     s.Limit,
			CPU:       s.CPU,
			Attempts:  s.Attempts,
		})
	}
	for _, s := range j.Services {
		out.Services = append(out.Services, Service{
			Name:      s.Name,
			Container: s.Container,
			State:     s.State,
			Exit:      s.Exit,
			Started:   At(s.Started),
			Finished:  At(s.Finished),
		})
	}
	return out
}

// Repository is a repository with its newest run.
type Repository struct {
	ID            int64  `json:"id"`
	Name          string `json:"name"` // owner/name
	Private       bool   `json:"private"`
	DefaultBranch string `json:"default_branch,omitempty"`
	Last          Run    `json:"last_run"`
}

// At leaves out a time that has not come.
func At(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
