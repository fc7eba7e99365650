package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// accessRow is a row of repo_access.
type accessRow struct {
	RepoID       int64     `sql:"repo_id"`
	FromID       int64     `sql:"from_id"`
	RepoOwner    string    `sql:"repo_owner"`
	RepoName     string    `sql:"repo_name"`
	FromOwner    string    `sql:"from_owner"`
	FromName     string    `sql:"from_name"`
	Installation int64     `sql:"installation"` // of both
	AllowedBy    string    `sql:"allowed_by"`
	AllowedByID  int64     `sql:"allowed_by_id"`
	Allowed      timestamp `sql:"allowed"`
}

var (
	accessColumns = columnsOf[accessRow]()

	insertAccess = insertInto[accessRow]("repo_access") + `
		ON CONFLICT (repo_id, from_id) DO UPDATE SET repo_owner = excluded.repo_owner, repo_name = excluded.repo_name,
		  from_owner = excluded.from_owner, from_name = excluded.from_name, installation = excluded.installation`
)

func (r accessRow) access() (ci.RepoAccess, error) {
	return ci.RepoAccess{
		Repo: ci.Repo{
			ID:           r.RepoID,
			Owner:        r.RepoOwner,
			Name:         r.RepoName,
			Installation: r.Installation,
		},
		From: ci.Repo{
			ID:           r.FromID,
			Owner:        r.FromOwner,
			Name:         r.FromName,
			Installation: r.Installation,
		},
		By: ci.Actor{ID: r.AllowedByID, Login: r.AllowedBy},
		At: r.Allowed.Time,
	}, nil
}

// AllowAccess lets the runs of a repository read another one. If it is allowed already, only names and installation are
// updated: who allowed it first stays on record.
func (s *Store) AllowAccess(ctx context.Context, a ci.RepoAccess) error {
	_, err := s.db.ExecContext(ctx, insertAccess, valuesOf(accessRow{
		RepoID:       a.Repo.ID,
		FromID:       a.From.ID,
		RepoOwner:    a.Repo.Owner,
		RepoName:     a.Repo.Name,
		FromOwner:    a.From.Owner,
		FromName:     a.From.Name,
		Installation: a.Repo.Installation,
		AllowedBy:    a.By.Login,
		AllowedByID:  a.By.ID,
		Allowed:      timestamp{a.At},
	})...)
	if err != nil {
		return fmt.Errorf("allow access to %s: %w", a.Repo.FullName(), err)
	}
	return nil
}

// RemoveAccess ends what AllowAccess has allowed; ErrNotFound if it was not allowed.
func (s *Store) RemoveAccess(ctx context.Context, repo, from int64) error {
	removed, err := changes(ctx, s.db, `DELETE FROM repo_access WHERE repo_id = ? AND from_id = ?`, repo, from)
	if err != nil {
		return fmt.Errorf("remove access to repository %d: %w", repo, err)
	}
	if !removed {
		return fmt.Errorf("access of %d to %d: %w", from, repo, ErrNotFound)
	}
	return nil
}

// Access returns everything that is allowed, by name.
func (s *Store) Access(ctx context.Context) ([]ci.RepoAccess, error) {
	return collect(ctx, s.db, scanAs(accessRow.access), "access", `SELECT `+accessColumns+` FROM repo_access
		ORDER BY repo_owner, repo_name, from_owner, from_name, repo_id, from_id`)
}

// ReadableBy returns the repositories that the runs of another one may read.
func (s *Store) ReadableBy(ctx context.Context, from int64) ([]ci.Repo, error) {
	list, err := collect(ctx, s.db, scanAs(accessRow.access), "access",
		`SELECT `+accessColumns+` FROM repo_access WHERE from_id = ? ORDER BY repo_id`, from)
	var repos []ci.Repo
	for _, a := range list {
		repos = append(repos, a.Repo)
	}
	return repos, err
}

// pinRow is a row of grant_pins.
type pinRow struct {
	Grant string `sql:"grant_uid"`
	Name  string `sql:"name"`
	ID    int64  `sql:"id"`
}

func (r pinRow) pin() (ci.GrantPin, error) { return ci.GrantPin(r), nil }

// newPinRow is a row of grant_pins as it is inserted.
type newPinRow struct {
	pinRow
	Seen timestamp `sql:"seen"`
}

var insertPin = insertInto[newPinRow]("grant_pins") + ` ON CONFLICT (grant_uid, name) DO NOTHING`

// PinGrants stores what names in grants mean, unless that is known already, and returns all pins of some grants, by the
// UIDs of their ConfigMaps.
func (s *Store) PinGrants(ctx context.Context, pins []ci.GrantPin, grants []string) ([]ci.GrantPin, error) {
	known, err := grantPins(ctx, s.db, grants)
	if err != nil {
		return nil, err
	}
	isKnown := map[ci.GrantPin]bool{}
	for _, pin := range known {
		isKnown[ci.GrantPin{Grant: pin.Grant, Name: pin.Name}] = true
	}
	var missing []ci.GrantPin
	for _, pin := range pins {
		if !isKnown[ci.GrantPin{Grant: pin.Grant, Name: pin.Name}] {
			missing = append(missing, pin)
		}
	}
	if len(missing) == 0 {
		return known, nil
	}

	err = s.tx(ctx, func(tx *sql.Tx) error {
		for _, pin := range missing {
			row := newPinRow{pinRow: pinRow(pin), Seen: timestamp{s.now()}}
			if _, err := tx.ExecContext(ctx, insertPin, valuesOf(row)...); err != nil {
				return err
			}
		}
		known, err = grantPins(ctx, tx, grants)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("names in grants: %w", err)
	}
	return known, nil
}

func grantPins(ctx context.Context, q querier, grants []string) ([]ci.GrantPin, error) {
	if len(grants) == 0 {
		return nil, nil
	}
	var args []any
	for _, uid := range grants {
		args = append(args, uid)
	}
	return collect(ctx, q, scanAs(pinRow.pin), "names in grants", `SELECT `+columnsOf[pinRow]()+`
		FROM grant_pins WHERE grant_uid IN (?`+strings.Repeat(", ?", len(args)-1)+`)`, args...)
}
