package ci

import "time"

// Repo is a repository on GitHub. It is known by its numeric ID, since names change.
type Repo struct {
	ID           int64
	Owner        string
	Name         string
	Private      bool
	Installation int64 // of the GitHub App; 0 when a personal token is used
}

// FullName is "owner/name".
func (r Repo) FullName() string { return r.Owner + "/" + r.Name }

// Kind says what sort of event happened.
type Kind string

// The events that can start a run.
const (
	Push        Kind = "push"         // a branch moved
	Tag         Kind = "tag"          // a tag was made or moved
	PullRequest Kind = "pull_request" // a pull request was opened, reopened or got new commits
	MergeGroup  Kind = "merge_group"  // a merge queue asks whether a group of pull requests may be merged
	API         Kind = "api"          // POST /run: a command without a repository
)

// Event is what a delivery means to YACI.
type Event struct {
	Kind     Kind
	Repo     Repo
	SHA      SHA    // the commit to run and to report on
	Ref      string // full: refs/heads/main, refs/tags/v1, refs/pull/7/head
	Branch   string // of a push; the head branch of a pull request
	Tag      string
	Title    string // first line of the commit, or the pull request's title
	Actor    Actor
	Deleted  bool // the ref is gone
	Before   SHA  // of a push: what the ref pointed to; all zeros when it is new
	PR       int  // number; 0 when this is no pull request
	PRAction string
	PRBase   string // branch that the pull request, or the merge group, would merge into
	BaseSHA  SHA    // what that branch pointed to
	Fork     bool   // the pull request's head lives in another repository
	Command  string // of API events: the shell command
	Image    string // of API events: the image to run it in
}

// Actor is the person who caused an event. Only the number is an identity.
type Actor struct {
	ID    int64
	Login string
}

// Delivery is one webhook request as GitHub sent it.
type Delivery struct {
	ID       int64  // row in the inbox; 0 before it is stored
	HookID   int64  // X-GitHub-Hook-ID
	GUID     string // X-GitHub-Delivery; a redelivery carries the same one
	Name     string // X-GitHub-Event
	Body     []byte // the signed bytes
	Received time.Time
	Attempts int    // times that handling failed
	Ignored  string // why nothing will be done; empty when it is to be handled
}
