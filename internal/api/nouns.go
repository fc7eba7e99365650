package api

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// The nouns as JSON. openapi.json describes them; times that have not come are left out.

type run struct {
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

func runOf(r ci.Run) run {
	ev := r.Event
	out := run{ID: r.ID, Number: r.Number, Event: ev.Kind, SHA: ev.SHA, Ref: ev.Ref, Branch: ev.Branch, Tag: ev.Tag, PR: ev.PR, Title: ev.Title,
		Author: ev.Actor.Login, Attempt: r.Attempt, State: r.State, Message: r.Message, Created: r.Created, Started: since(r.Started), Finished: since(r.Finished)}
	if ev.Repo.ID != 0 {
		out.Repo = ev.Repo.FullName()
	}
	return out
}

type job struct {
	Name     ci.JobName `json:"name"`
	Run      ci.RunID   `json:"run"`
	Attempt  int        `json:"attempt"`
	Title    string     `json:"title,omitempty"`
	State    ci.State   `json:"state"`
	Message  string     `json:"message"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Losses   []loss     `json:"losses"`
	Steps    []step     `json:"steps"`
}

type loss struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

type step struct {
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
}

func jobOf(j ci.Job) job {
	out := job{Name: j.Name, Run: j.Run, Attempt: j.Attempt, Title: j.Title, State: j.State, Message: j.Message,
		Started: since(j.Started), Finished: since(j.Finished), Losses: []loss{}, Steps: []step{}}
	for _, l := range j.Losses {
		out.Losses = append(out.Losses, loss{l.At, l.Why})
	}
	for _, s := range j.Steps {
		out.Steps = append(out.Steps, step{Name: s.Name, Container: s.Container, State: s.State, Exit: s.Exit, Allowed: s.Allowed, Reason: s.Reason,
			Started: since(s.Started), Finished: since(s.Finished), Lines: s.Lines, Bytes: s.Bytes, Memory: s.Memory, Limit: s.Limit, CPU: s.CPU})
	}
	return out
}

type repository struct {
	ID            int64  `json:"id"`
	Name          string `json:"name"` // owner/name
	Private       bool   `json:"private"`
	DefaultBranch string `json:"default_branch,omitempty"`
	Last          run    `json:"last_run"`
}
