package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-github/v62/github"
)

// Event is what a delivery says, in the fields that a CI needs. Absent values are zero.
type Event struct {
	Name           string // X-GitHub-Event
	Action         string // of events that have one
	RepoID         int64
	Owner, Repo    string
	Private        bool
	DefaultBranch  string
	InstallationID int64
	SenderID       int64 // numeric identity of who caused it
	SenderLogin    string

	SHA     string // push, check_run, check_suite: the commit; pull_request: the head commit
	Ref     string // push: the full ref; pull_request: refs/pull/N/head
	Object  string // push of a tag: what the tag points to, which is the tag object if it is annotated
	Title   string // first line of the commit message, or the pull request's title; it can be long
	Message string // push: the whole message of the head commit, cut to MaxMessage bytes
	Deleted bool   // push: the ref is gone
	Before  string // push: what the ref pointed to before; all zeros when it is new; synchronize: the head before

	Number     int    // pull_request, issue_comment
	HeadRef    string // pull_request: branch name in the head repository
	HeadRepoID int64  // pull_request: 0 when the fork was deleted
	BaseRef    string // pull_request, merge_group: branch that it would merge into
	BaseSHA    string // pull_request, merge_group: the commit of that branch

	AuthorID    int64  // pull_request, issue_comment: numeric identity of who opened or wrote it
	AuthorLogin string //
	// push: when it came; pull_request: when it changed; issue_comment: when it was written; repository, public: when the
	// repository changed; by GitHub's clock, to the second
	At         time.Time
	Retargeted bool    // pull_request: edited, and its base is another branch now
	CommentID  int64   // issue_comment
	Body       string  // issue_comment: what was written
	Removed    []int64 // installation_repositories: the repositories that the App was taken off

	Ignored string // why YACI has nothing to do with it, in one sentence; empty otherwise
}

// MaxMessage is the length to which an Event cuts a commit's message, in bytes.
const MaxMessage = 64 << 10

// ErrMalformed is returned for a signed body that is not a payload of the event that the X-GitHub-Event header names.
// The signature does not cover the header.
var ErrMalformed = errors.New("payload does not match the X-GitHub-Event header")

// repository is a repository in a payload. Payloads of pushes have another type for it than all others.
type repository interface {
	GetID() int64
	GetFullName() string
	GetPrivate() bool
	GetDefaultBranch() string
}

// about fills in the repository, the installation and the sender of an event.
func (ev *Event) about(repo repository, in *github.Installation, by *github.User) {
	ev.RepoID = repo.GetID()
	ev.Private = repo.GetPrivate()
	ev.DefaultBranch = repo.GetDefaultBranch()
	ev.Owner, ev.Repo, _ = strings.Cut(repo.GetFullName(), "/")
	ev.InstallationID = in.GetID()
	ev.SenderID, ev.SenderLogin = by.GetID(), by.GetLogin()
}

// unmarshal is json.Unmarshal that ignores custom properties of a wrong type. An organization can define properties
// whose values are lists, and go-github v62 expects strings.
func unmarshal(body []byte, payload any) error {
	err := json.Unmarshal(body, payload)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && strings.HasSuffix(wrong.Field, "custom_properties") {
		return nil // everything else has been read
	}
	return err
}

type decoder func(body []byte, ev *Event) error

// decoderOf returns the decoder of an event. Each event has a file of its own and an entry in this table.
func decoderOf(name string) (decoder, bool) {
	d, ok := map[string]decoder{
		"ping":          decodePing,
		"push":          decodePush,
		"pull_request":  decodePullRequest,
		"merge_group":   decodeMergeGroup,
		"issue_comment": decodeIssueComment,
		"check_run":     decodeCheckRun,
		"check_suite":   decodeCheckSuite,
		"installation":  decodeInstallation,
		"repository":    decodeRepository,
		"public":        decodePublic,

		"installation_repositories": decodeInstallationRepositories,
	}[name]
	return d, ok
}

// Decode returns the Event of a body. It sets Ignored for events that have no effect. An error wraps [ErrMalformed] and
// says what is wrong.
func Decode(name string, body []byte) (Event, error) {
	ev := Event{Name: name}
	if !json.Valid(body) {
		return ev, fmt.Errorf(
			"decode %s: not JSON (set the webhook's content type to application/json): %w",
			name,
			ErrMalformed,
		)
	}
	decode, ok := decoderOf(name)
	if !ok {
		ev.Ignored = fmt.Sprintf("Ignored: YACI does nothing for %s events.", name)
		return ev, nil
	}
	if err := decode(body, &ev); err != nil {
		return ev, fmt.Errorf("decode %s: %w", name, err)
	}
	return ev, nil
}
