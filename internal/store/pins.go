package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// PinGrants keeps what names in grants mean, unless it is known already, and returns all pins of some grants, by the
// UID of their ConfigMaps.
func (s *Store) PinGrants(ctx context.Context, pins []ci.GrantPin, grants []string) ([]ci.GrantPin, error) {
	known, err := pinsOf(ctx, s.db, grants)
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
			if _, err := tx.ExecContext(ctx, `INSERT INTO grant_pins (grant_uid, name, id, seen) VALUES (?, ?, ?, ?) ON CONFLICT (grant_uid, name) DO NOTHING`,
				pin.Grant, pin.Name, pin.ID, s.now().UnixMilli()); err != nil {
				return err
			}
		}
		known, err = pinsOf(ctx, tx, grants)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("names in grants: %w", err)
	}
	return known, nil
}

func pinsOf(ctx context.Context, q querier, grants []string) ([]ci.GrantPin, error) {
	if len(grants) == 0 {
		return nil, nil
	}
	var args []any
	for _, uid := range grants {
		args = append(args, uid)
	}
	scan := func(row row) (pin ci.GrantPin, err error) {
		err = row.Scan(&pin.Grant, &pin.Name, &pin.ID)
		return pin, err
	}
	return collect(
		ctx,
		q,
		scan,
		"names in grants",
		`SELECT grant_uid, name, id FROM grant_pins WHERE grant_uid IN (?`+strings.Repeat(", ?", len(args)-1)+`)`,
		args...)
}
