package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// A repository's identity is its numeric id, but GitHub documents only addresses by name, and a name can pass to
// another repository at any time. So every call about a repository is made in one of two ways:
//
//   - confirmed, for what can start a run or let somebody do something: the call is made by name, and afterwards
//     GitHub is asked which repository has that name. Only if it is still the one that is meant does the answer count.
//     Who could rename it away and back in between has admin rights there and can push to it anyway.
//   - named, for what only reports: a name that was confirmed within nameFresh is enough. An App's token can write to
//     the one repository only that it was minted for.

const (
	nameFresh  = 10 * time.Minute // that a confirmed name is used for reports
	maxRenames = 3                // tries of one call while its repository is being renamed
	maxRepos   = 10_000           // repositories whose newest state is kept
)

// knownRepo is what GitHub said of a repository last.
type knownRepo struct {
	repo ci.Repo
	at   time.Time // when it was asked, by this process' clock
}

// errRenaming says that a repository got another name again and again during one call.
var errRenaming = errors.New("the repository is being renamed; YACI tries again")

// Current returns a repository as GitHub described it last, without asking. It is repo itself when GitHub was not
// asked since the start, or repo is of another installation.
func (c *Client) Current(repo ci.Repo) ci.Repo {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.repos[repo.ID]; ok {
		return known.repo
	}
	return repo
}

// Repository asks GitHub for a repository as it is now. It is found by its id under any name, after a transfer too,
// as long as the App is installed there. The error is ci.ErrGone, wrapped, when GitHub has none that YACI can read.
func (c *Client) Repository(ctx context.Context, repo ci.Repo) (ci.RepoState, error) {
	at := c.Current(repo)
	state, err := c.lookUp(ctx, at)
	if errors.Is(err, ci.ErrGone) || tokenDenied(err) {
		state, err = c.lookUpElsewhere(ctx, repo, at, err)
	}
	if errors.Is(err, ci.ErrGone) {
		c.forget(repo.ID)
		return state, err
	}
	if err != nil {
		return state, fmt.Errorf("repository %s: %w", at.FullName(), err)
	}
	return state, c.learn(ctx, state)
}

// lookUp finds a repository with the token of its installation: by its name, and if that is another's by now, in the
// list of what the token can read, which was minted for this id alone.
func (c *Client) lookUp(ctx context.Context, repo ci.Repo) (ci.RepoState, error) {
	gh := c.repoClient(repo)
	found, clock, err := fetched[*github.Repository](
		ctx,
		c,
		gh,
		repo.ID,
		fmt.Sprintf("repos/%s/%s", repo.Owner, repo.Name),
	)
	switch {
	case err == nil && found.GetID() == repo.ID:
		return stateOf(found, repo.Installation, clock), nil
	case err != nil && (!misplaced(err) || tokenDenied(err)):
		return ci.RepoState{}, fmt.Errorf("github: %w", err)
	case c.app == nil:
		return ci.RepoState{}, &ci.GoneError{Repo: repo, Cause: err}
	}
	list, clock, err := fetched[*github.ListRepositories](ctx, c, gh, repo.ID, "installation/repositories?per_page=100")
	if err != nil {
		return ci.RepoState{}, fmt.Errorf("github: %w", err)
	}
	for _, r := range list.Repositories {
		if r.GetID() == repo.ID {
			return stateOf(r, repo.Installation, clock), nil
		}
	}
	return ci.RepoState{}, &ci.GoneError{Repo: repo}
}

// lookUpElsewhere finds a repository that its installation does not have any more: the caller may know a newer name
// or installation, and GitHub knows the installation of its name. A token is minted for the id, so another repository
// of that name gets none.
func (c *Client) lookUpElsewhere(ctx context.Context, told, at ci.Repo, cause error) (ci.RepoState, error) {
	if told.Installation != at.Installation || told.FullName() != at.FullName() {
		state, err := c.lookUp(ctx, told)
		if !errors.Is(err, ci.ErrGone) && !tokenDenied(err) {
			return state, err
		}
	}
	gone := &ci.GoneError{Repo: at, Cause: cause}
	if c.app == nil {
		return ci.RepoState{}, gone
	}
	in, _, err := c.with(c.app).Apps.FindRepositoryInstallation(ctx, at.Owner, at.Name)
	if misplaced(err) || err == nil && in.GetID() == at.Installation {
		return ci.RepoState{}, gone
	}
	if err != nil {
		return ci.RepoState{}, fmt.Errorf("installation: github: %w", err)
	}
	moved := at
	moved.Installation = in.GetID()
	state, err := c.lookUp(ctx, moved)
	if tokenDenied(err) {
		err = gone
	}
	return state, err
}

func stateOf(r *github.Repository, installation int64, clock time.Time) ci.RepoState {
	return ci.RepoState{
		Repo: ci.Repo{
			ID:            r.GetID(),
			Owner:         r.GetOwner().GetLogin(),
			Name:          r.GetName(),
			Private:       r.GetPrivate() || r.GetVisibility() != "" && r.GetVisibility() != "public",
			Installation:  installation,
			DefaultBranch: r.GetDefaultBranch(),
			OwnerID:       r.GetOwner().GetID(),
		},
		Archived: r.GetArchived(),
		Updated:  r.GetUpdatedAt().UTC(),
		Answered: clock,
	}
}

// learn keeps what GitHub said of a repository, here and in the database.
func (c *Client) learn(ctx context.Context, state ci.RepoState) error {
	c.mu.Lock()
	if len(c.repos) >= maxRepos {
		clear(c.repos)
	}
	c.repos[state.ID] = knownRepo{state.Repo, time.Now()}
	c.mu.Unlock()
	if c.learned == nil {
		return nil
	}
	return c.learned(ctx, state)
}

func (c *Client) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.repos, id)
}

// confirmed makes a call by a repository's name and then has GitHub say which repository that name is. If it is
// another one, the answer is thrown away and the call made again under the right name.
func (c *Client) confirmed(ctx context.Context, repo ci.Repo, call func(repo ci.Repo) error) error {
	at := c.Current(repo)
	for range maxRenames {
		err := call(at)
		if err != nil && !misplaced(err) && !errors.Is(err, ci.ErrNotFound) {
			return err // it says nothing about the repository, such as a rate limit
		}
		now, lookErr := c.Repository(ctx, at)
		switch {
		case lookErr != nil:
			return lookErr
		case redirected(err): // it had another name for a moment
		case now.Owner == at.Owner && now.Name == at.Name && now.Installation == at.Installation:
			return err
		}
		at = now.Repo
	}
	return errRenaming
}

// read is [Client.confirmed] for a call that reads something. With an error comes nothing.
func read[T any](ctx context.Context, c *Client, repo ci.Repo, call func(repo ci.Repo) (T, error)) (T, error) {
	var got T
	err := c.confirmed(ctx, repo, func(repo ci.Repo) (err error) {
		got, err = call(repo)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return got, nil
}

// named makes a call by a repository's name, if GitHub has confirmed that name lately. What GitHub refuses may be due
// to a name that has passed on: it is asked then, and the call made again under the new name.
func (c *Client) named(ctx context.Context, repo ci.Repo, call func(repo ci.Repo) error) error {
	c.mu.Lock()
	known, ok := c.repos[repo.ID]
	c.mu.Unlock()
	at := known.repo
	if !ok || time.Since(known.at) > nameFresh {
		now, err := c.Repository(ctx, repo)
		if err != nil {
			return err
		}
		at = now.Repo
	}
	err := call(at)
	if !misplaced(err) {
		return err
	}
	now, lookErr := c.Repository(ctx, at)
	if lookErr != nil {
		return lookErr
	}
	if now.Owner == at.Owner && now.Name == at.Name && now.Installation == at.Installation {
		return err
	}
	return call(now.Repo)
}

// misplaced reports whether GitHub refused a call in a way in which it refuses one about a repository that has
// another name, has moved to another installation, or is gone.
func misplaced(err error) bool {
	status, wait := answer(err)
	return redirected(err) || wait == 0 && slices.Contains([]int{
		http.StatusForbidden,
		http.StatusNotFound,
		http.StatusGone,
		http.StatusUnprocessableEntity,
		http.StatusUnavailableForLegalReasons,
	}, status)
}

// redirected reports whether GitHub answered a call with an address of a repository that is not the one meant, which
// says nothing about the repository itself.
func redirected(err error) bool {
	status, wait := answer(err)
	return wait == 0 && slices.Contains([]int{
		http.StatusMovedPermanently,
		http.StatusFound,
		http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect,
	}, status)
}

// tokenDenied reports that there was no token because the installation has no such repository, or is gone itself. One
// that is suspended can come back and is no such thing.
func tokenDenied(err error) bool {
	var res *http.Response
	var token *ghinstallation.HTTPError
	var call *github.ErrorResponse
	switch {
	case errors.As(err, &token):
		res = token.Response
	case errors.As(err, &call) && call.Response != nil && call.Response.Request != nil &&
		strings.HasSuffix(call.Response.Request.URL.Path, "/access_tokens"):
		res = call.Response
	}
	return res != nil && (res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusUnprocessableEntity)
}

// redirects follows GitHub's redirects of a renamed repository, which lead to /repositories/ID, as long as the id is
// the repository's own. No token goes to another host, or to the same one in the clear.
func redirects(id int64) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		if err := sameHost(r, via); err != nil {
			return err
		}
		_, rest, ok := strings.Cut(r.URL.Path, "/repositories/")
		first, _, _ := strings.Cut(rest, "/")
		if ok && first != fmt.Sprint(id) {
			return http.ErrUseLastResponse
		}
		return nil
	}
}
