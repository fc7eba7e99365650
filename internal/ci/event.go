package ci

import (
	"strings"
	"time"
)

// Repo is a repository on GitHub. It is known by its numeric ID, since names change.
type Repo struct {
	ID            int64
	Owner         string
	Name          string
	Private       bool
	Installation  int64  // of the GitHub App; 0 when a personal token is used
	DefaultBranch string // as the newest event named it; empty when none has
	OwnerID       int64  // numeric id of the owner; 0 when GitHub was not asked yet
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
	CheckRun    Kind = "check_run"    // somebody asks for a check to be run again
	Removal     Kind = "removal"      // the GitHub App was taken off repositories
	RepoChange  Kind = "repository"   // a repository was renamed, transferred, hidden, shown, archived or deleted
	Comment     Kind = "comment"      // somebody wrote on a pull request; starts nothing by itself
)

// Event is what a delivery means to YACI.
type Event struct {
	Kind       Kind
	Repo       Repo
	SHA        SHA    // the commit to run and to report on
	Ref        string // full: refs/heads/main, refs/tags/v1, refs/pull/7/head
	Branch     string // of a push; the head branch of a pull request
	Tag        string
	Title      string // first line of the commit, or the pull request's title
	Actor      Actor
	Author     Actor     // who opened the pull request
	At         time.Time // when it happened, by GitHub's clock, to the second; zero when it is not told
	Deleted    bool      // the ref is gone
	Before     SHA       // of a push: what the ref pointed to; all zeros when it is new
	PR         int       // number; 0 when this is no pull request
	PRAction   string    // of a repository: what became of it
	PRBase     string    // branch that the pull request, or the merge group, would merge into
	BaseSHA    SHA       // what that branch pointed to
	Fork       bool      // the pull request's head lives in another repository
	Retargeted bool      // the pull request's base is another branch now
	Comment    int64     // id of the comment
	Body       string    // what was written
	Command    string    // of API events: the shell command
	Image      string    // of API events: the image to run it in

	Removed []int64 // of a removal: the repositories; none: all of the installation

	Object SHA  // of a tag: what the ref points to, the tag object if it is annotated
	SkipCI bool // of a push: the message of its head commit asks to skip CI

	// HeadBy is who brought the head of a pull request, kept by the events that bring none; see [Event.BroughtBy].
	HeadBy Actor

	Requested bool // somebody asked for this commit by the API; no webhook told of it
	NotHead   bool // when it was asked for it was not its branch's head, but of its history

}

// maxEventTitle is the length of the title of an event, in bytes. The first line of a commit's message can be
// megabytes long, and each run keeps it.
const maxEventTitle = 1 << 10

// Title returns the title of an event for the message of a commit or the title of a pull request: its first line, cut
// to 1 KiB.
func Title(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSpace(line)
	if len(line) > maxEventTitle {
		line = strings.ToValidUTF8(line[:maxEventTitle], "")
	}
	return line
}

// BroughtBy returns who made the commit of a pull request its head: who opened it or pushed to it. Whoever labels,
// edits, reopens or closes it brings nothing. It is nobody if no event told.
func (e Event) BroughtBy() Actor {
	if e.PRAction == "opened" || e.PRAction == "synchronize" {
		return e.Actor
	}
	return e.HeadBy
}

// Actor is the person who caused an event. Only the number is an identity.
type Actor struct {
	ID    int64
	Login string
}

// NewDelivery is one webhook request as GitHub sent it, or what stands for one that never came, before it is stored.
type NewDelivery struct {
	HookID  int64  // X-GitHub-Hook-ID
	GUID    string // X-GitHub-Delivery; a redelivery carries the same one
	Name    string // X-GitHub-Event
	Body    []byte // the signed bytes; of a Compared one the event as the store encodes it
	Ignored string // why nothing will be done, a sentence; empty when it is to be handled
	Origin  Origin

	// What it is about, as far as it could be read before it was stored.
	Action string
	Repo   string // owner/name
	RepoID int64
	Ref    string
	SHA    SHA
}

// Delivery is a delivery in the inbox.
type Delivery struct {
	ID       int64
	HookID   int64  // X-GitHub-Hook-ID
	GUID     string // X-GitHub-Delivery
	Name     string // X-GitHub-Event
	Body     []byte // for its handler only
	Received time.Time
	Attempts int // times that handling failed
	Starts   int // times that handling began and has not ended, this one included; for its handler only
	Origin   Origin

	// What it is about; see [NewDelivery].
	Action string
	Repo   string
	RepoID int64
	Ref    string
	SHA    SHA

	// What became of it.
	State  DeliveryState
	Reason string    // a sentence: why it was ignored, or why the last try failed
	Run    RunID     // that it led to
	Due    time.Time // of a pending one: when it is tried next
}

// HookDelivery is a webhook request in GitHub's delivery log of the App.
type HookDelivery struct {
	ID    int64 // its id at GitHub
	GUID  string
	Event string
	At    time.Time

	Code   int    // the HTTP status of YACI's answer; 0 if there was none
	Status string // how GitHub describes the answer
}

// Origin is how a delivery came.
type Origin string

// The origins.
const (
	Delivered Origin = ""         // GitHub's webhook
	Listed    Origin = "listed"   // missing here, taken from GitHub's list of deliveries
	Compared  Origin = "compared" // no delivery at all: a head on GitHub that no run knows
)

// DeliveryLease is how long a delivery is its handler's. Should that one have
// died, another may have it then.
const DeliveryLease = time.Minute

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending DeliveryState = "pending" // waits to be handled, or to be tried again
	DeliveryDone    DeliveryState = "done"    // led to a run
	DeliveryIgnored DeliveryState = "ignored" // leads to nothing, for a reason
	DeliveryFailed  DeliveryState = "failed"  // set aside after too many tries; a person may have it tried again
)
