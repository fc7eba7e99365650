package store

import (
	"context"
	"strings"
)

// Numbered and ForPostgres are the two halves of the dialect.
var (
	Numbered    = numbered
	ForPostgres = forPostgres
)

// Down undoes all migrations.
func (s *Store) Down(ctx context.Context) error {
	p, err := s.db.migrator()
	if err == nil {
		_, err = p.DownTo(ctx, 0)
	}
	return err
}

// Up carries them out again.
func (s *Store) Up(ctx context.Context) error { return s.db.migrate(ctx) }

// Schema lists tables with their columns, and indexes.
func (s *Store) Schema(ctx context.Context) (string, error) {
	query := `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE '%goose%' AND name NOT LIKE 'sqlite_%' ORDER BY 1`
	if s.db.postgres() {
		query = `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name NOT LIKE '%goose%'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '%goose%' ORDER BY 1`
	}
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n"), rows.Err()
}
