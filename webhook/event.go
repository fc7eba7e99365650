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
	Title   string // first line of the commit message, or the pull request's title, cut to MaxTitle bytes
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

// MaxTitle is how much of a title an Event has, in bytes. A commit's first line can be megabytes long.
const MaxTitle = 1 << 10

// MaxMessage is how much of a commit's message an Event has, in bytes.
const MaxMessage = 64 << 10

// ErrMalformed says that a signed body is not what its X-GitHub-Event header claims.
// Only bodies are signed, so a body under another event's name ends here.
var ErrMalformed = errors.New("the body is not a payload of the event that X-GitHub-Event names")

// repository is one in a payload; that of a push has a type of its own.
type repository interface {
	GetID() int64
	GetFullName() string
	GetPrivate() bool
	GetDefaultBranch() string
}

// about fills in whom an event concerns.
func (ev *Event) about(repo repository, in *github.Installation, by *github.User) {
	ev.RepoID = repo.GetID()
	ev.Private = repo.GetPrivate()
	ev.DefaultBranch = repo.GetDefaultBranch()
	ev.Owner, ev.Repo, _ = strings.Cut(repo.GetFullName(), "/")
	ev.InstallationID = in.GetID()
	ev.SenderID, ev.SenderLogin = by.GetID(), by.GetLogin()
}

// unmarshal is json.Unmarshal that passes over the values of custom properties. An organization can define properties
// with lists as their values, and go-github v62 expects a string.
func unmarshal(body []byte, payload any) error {
	err := json.Unmarshal(body, payload)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && strings.HasSuffix(wrong.Field, "custom_properties") {
		return nil // everything else has been read
	}
	return err
}

type decoder func(body []byte, ev *Event) error

// decoderOf is the registry: one file for each event.
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

// Decode turns a body into an Event. Events that nothing is done with come back
// with Ignored set. The error is ErrMalformed, wrapped with what is wrong.
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
