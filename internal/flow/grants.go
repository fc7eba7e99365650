package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// PinStore stores which repository or account a name in a grant means, and finds repositories by name.
type PinStore interface {
	GrantPins
	// RepoByName returns the repository that has a name now, or an error that is ci.ErrNotFound.
	RepoByName(ctx context.Context, owner, name string) (ci.Repo, error)
	// ReposOfOwner returns the repositories that an account has now.
	ReposOfOwner(ctx context.Context, owner string) ([]ci.Repo, error)
}

// RepositoryStates asks GitHub for the current state of a repository. The error is ci.ErrGone, wrapped, if there is no
// such repository any more.
type RepositoryStates interface {
	Repository(ctx context.Context, repo ci.Repo) (ci.RepoState, error)
}

// GrantPinnerConfig is what a [GrantPinner] needs. All fields are required.
type GrantPinnerConfig struct {
	Secrets Secrets
	Pins    PinStore
	GitHub  RepositoryStates
}

// GrantPinner replaces the names in grants of secrets by ids as soon as it sees them, so that somebody who takes over
// a name before the first run asks for the secret does not get it. Make it with [NewGrantPinner].
type GrantPinner struct {
	secrets Secrets
	pins    PinStore
	github  RepositoryStates
}

// NewGrantPinner returns a GrantPinner, or an error if a dependency is missing.
func NewGrantPinner(cfg GrantPinnerConfig) (*GrantPinner, error) {
	if cfg.Secrets == nil || cfg.Pins == nil || cfg.GitHub == nil {
		return nil, errors.New("grant pinner: Secrets, Pins and GitHub are required")
	}
	return &GrantPinner{secrets: cfg.Secrets, pins: cfg.Pins, github: cfg.GitHub}, nil
}

// Pass pins every name that has no id yet. A name of a repository that YACI does not know is left for its first run.
// The errors of all names are joined.
func (p *GrantPinner) Pass(ctx context.Context) error {
	grants, err := pinnedGrants(ctx, p.secrets, p.pins)
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range grants {
		for _, name := range g.Repositories {
			_, pinned := g.Pins[strings.ToLower(name)]
			isID := !strings.Contains(name, "/") || strings.Contains(name, "#")
			if !pinned && !isID {
				errs = append(errs, p.pin(ctx, g, name))
			}
		}
	}
	return errors.Join(errs...)
}

// pin asks GitHub which repository has a name of a grant, and stores its id.
func (p *GrantPinner) pin(ctx context.Context, g ci.Grant, fullName string) error {
	repo, err := p.knownRepo(ctx, fullName)
	if errors.Is(err, ci.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	state, err := p.github.Repository(ctx, repo)
	if errors.Is(err, ci.ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("grant %s: %w", g.ID, err)
	}
	_, err = p.pins.PinGrants(ctx, decide.NewPins(withRepository(g, fullName), state.Repo), []string{g.UID})
	return err
}

// knownRepo returns the stored repository that a name means, or any repository of the account that owner/* means. The
// error is ci.ErrNotFound if none is stored.
func (p *GrantPinner) knownRepo(ctx context.Context, fullName string) (ci.Repo, error) {
	owner, name, _ := strings.Cut(fullName, "/")
	if name != "*" {
		return p.pins.RepoByName(ctx, owner, name)
	}
	repos, err := p.pins.ReposOfOwner(ctx, owner)
	if err != nil {
		return ci.Repo{}, err
	}
	if len(repos) == 0 {
		return ci.Repo{}, ci.ErrNotFound
	}
	return repos[0], nil
}

// withRepository returns a copy of a grant that names one repository only.
func withRepository(g ci.Grant, fullName string) ci.Grant {
	g.Repositories = []string{fullName}
	return g
}

// pinnedGrants lists all grants with the ids of their names.
func pinnedGrants(ctx context.Context, secrets Secrets, pins GrantPins) ([]ci.Grant, error) {
	grants, err := secrets.Grants(ctx)
	if err != nil {
		return nil, err
	}
	var uids []string
	for _, g := range grants {
		uids = append(uids, g.UID)
	}
	known, err := pins.PinGrants(ctx, nil, uids)
	if err != nil {
		return nil, err
	}
	for i := range grants {
		grants[i].Pins = map[string]int64{}
		for _, pin := range known {
			if pin.Grant == grants[i].UID {
				grants[i].Pins[pin.Name] = pin.ID
			}
		}
	}
	return grants, nil
}

// MisnamedGrants returns a sentence for each name in a grant that another repository has now, as far as the database
// knows.
func MisnamedGrants(ctx context.Context, secrets Secrets, pins PinStore) ([]string, error) {
	grants, err := pinnedGrants(ctx, secrets, pins)
	if err != nil {
		return nil, err
	}
	var sentences []string
	for _, g := range grants {
		for _, fullName := range g.Repositories {
			owner, _, _ := strings.Cut(fullName, "/")
			repos, err := pins.ReposOfOwner(ctx, owner)
			if err != nil {
				return nil, err
			}
			if s := misnamedAs(g, fullName, repos); s != "" {
				sentences = append(sentences, s)
			}
		}
	}
	return sentences, nil
}

// misnamedAs returns the sentence for one name of a grant, or "". repos are those that the account in the name has now.
func misnamedAs(g ci.Grant, fullName string, repos []ci.Repo) string {
	_, name, _ := strings.Cut(fullName, "/")
	for _, repo := range repos {
		if name != "*" && !strings.EqualFold(repo.Name, name) {
			continue
		}
		if s := decide.PinMismatch(withRepository(g, fullName), repo); s != "" {
			return s
		}
	}
	return ""
}
