package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// pinEvery is how soon a name in a new grant is given the id that it means.
const pinEvery = time.Minute

// grantReader lists the grants of secrets.
type grantReader interface {
	Grants(ctx context.Context) ([]ci.Grant, error)
}

// pinStore keeps what names in grants mean, and knows repositories by name.
type pinStore interface {
	PinGrants(ctx context.Context, pins []ci.GrantPin, grants []string) ([]ci.GrantPin, error)
	RepoNamed(ctx context.Context, owner, name string) (ci.Repo, error)
	ReposOf(ctx context.Context, owner string) ([]ci.Repo, error)
}

// pinner gives the names in grants the ids that they mean as soon as it sees them, so that who takes a name before the
// first run asks for the secret does not get it. GitHub is asked who has the name.
type pinner struct {
	grants grantReader
	db     pinStore
	github repositories
}

// Pass looks at all names that have no id yet. One of a repository that YACI does not know waits for its first run.
func (p pinner) Pass(ctx context.Context) error {
	grants, err := pinned(ctx, p.grants, p.db)
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range grants {
		for _, word := range g.Repositories {
			_, done := g.Pins[strings.ToLower(word)]
			if done || !strings.Contains(word, "/") || strings.Contains(word, "#") {
				continue
			}
			errs = append(errs, p.pin(ctx, g, word))
		}
	}
	return errors.Join(errs...)
}

func (p pinner) pin(ctx context.Context, g ci.Grant, word string) error {
	owner, name, _ := strings.Cut(word, "/")
	var known []ci.Repo
	var err error
	if name == "*" {
		known, err = p.db.ReposOf(ctx, owner)
	} else {
		known = make([]ci.Repo, 1)
		known[0], err = p.db.RepoNamed(ctx, owner, name)
	}
	if errors.Is(err, ci.ErrNotFound) || err == nil && len(known) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	state, err := p.github.Repository(ctx, known[0])
	if errors.Is(err, ci.ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("grant %s: %w", g.ID, err)
	}
	one := g
	one.Repositories = []string{word}
	_, err = p.db.PinGrants(ctx, decide.NewPins(one, state.Repo), []string{g.UID})
	return err
}

// pinned lists grants with what their names mean.
func pinned(ctx context.Context, reader grantReader, db pinStore) ([]ci.Grant, error) {
	grants, err := reader.Grants(ctx)
	if err != nil {
		return nil, err
	}
	var uids []string
	for _, g := range grants {
		uids = append(uids, g.UID)
	}
	pins, err := db.PinGrants(ctx, nil, uids)
	if err != nil {
		return nil, err
	}
	for i := range grants {
		grants[i].Pins = map[string]int64{}
		for _, pin := range pins {
			if pin.Grant == grants[i].UID {
				grants[i].Pins[pin.Name] = pin.ID
			}
		}
	}
	return grants, nil
}

// misnamed are sentences about grants whose name is another repository's now, as far as the database knows.
func misnamed(ctx context.Context, reader grantReader, db pinStore) (all []string, err error) {
	grants, err := pinned(ctx, reader, db)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		for _, word := range g.Repositories {
			owner, name, _ := strings.Cut(word, "/")
			repos, err := db.ReposOf(ctx, owner)
			if err != nil {
				return nil, err
			}
			one := g
			one.Repositories = []string{word}
			for _, repo := range repos {
				if name != "*" && !strings.EqualFold(repo.Name, name) {
					continue
				}
				if no := decide.PinMismatch(one, repo); no != "" {
					all = append(all, no)
					break
				}
			}
		}
	}
	return all, nil
}
