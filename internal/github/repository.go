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

// knownRepo is the newest description of a repository.
type knownRepo struct {
	repo ci.Repo
	at   time.Time // when it was asked, by this process' clock
}

// errRenaming is returned when a repository was renamed several times during one call.
var errRenaming = errors.New("the repository is being renamed; YACI tries again")

// Current returns the newest known description of a repository, without a call. It is repo itself if GitHub was not
// asked since the start.
func (c *Client) Current(repo ci.Repo) ci.Repo {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.repos[repo.ID]; ok {
		return known.repo
	}
	return repo
}

// Repository returns a repository as it is now. It is found by its id, also after a rename or a transfer, as long as
// the App is installed there. The error wraps ci.ErrGone if there is no such repository that YACI can read.
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

// lookUp finds a repository with the token of its installation: by its name, or, if another repository has that name by
// now, in the list of what the token can read. The token is for this id only.
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

// lookUpElsewhere finds a repository that its installation does not contain any more. The caller may know a newer name
// or installation, and GitHub knows the installation of its name. The token is requested for the id, so another
// repository of that name is not found.
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

// learn records a description of a repository, in memory and in the database.
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

// confirmed makes a call by a repository's name and then asks GitHub which repository has that name. If it is another
// one, the answer is discarded and the call is repeated under the right name.
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

// named makes a call by a repository's name if the name was confirmed recently. If GitHub refuses the call, the name
// may belong to another repository by now: then GitHub is asked, and the call is repeated under the new name.
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

// misplaced reports whether GitHub refused a call in a way that is typical of a repository that was renamed, moved to
// another installation, or is gone.
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

// redirected reports whether GitHub redirected a call to a repository with another id, which says nothing about the one
// that was meant.
func redirected(err error) bool {
	status, wait := answer(err)
	return wait == 0 && slices.Contains([]int{
		http.StatusMovedPermanently,
		http.StatusFound,
		http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect,
	}, status)
}

// tokenDenied reports whether no token was issued because the installation does not contain the repository or does not
// exist. Suspended installations do not count, because they can come back.
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

// redirects returns a policy that follows GitHub's redirects of a renamed repository, which lead to /repositories/ID,
// as long as the id is the repository's own. The token is not sent to another host or over plain HTTP.
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
