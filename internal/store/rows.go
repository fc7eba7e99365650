package store

import (
	"context"
	"database/sql"
	"fmt"
)

// querier is the database, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// row is what can be scanned.
type row interface{ Scan(...any) error }

// collect reads all rows of a query. what says in errors what they are.
func collect[T any](
	ctx context.Context,
	q querier,
	scan func(row) (T, error),
	what, query string,
	args ...any,
) (all []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// column reads a query's only column.
func column[T any](ctx context.Context, q querier, what, query string, args ...any) ([]T, error) {
	only := func(r row) (v T, err error) {
		err = r.Scan(&v)
		return v, err
	}
	return collect(ctx, q, only, what, query, args...)
}

type pair[A, B any] struct {
	first  A
	second B
}

// pairs reads a query's two columns.
func pairs[A, B any](ctx context.Context, q querier, what, query string, args ...any) ([]pair[A, B], error) {
	both := func(r row) (p pair[A, B], err error) {
		err = r.Scan(&p.first, &p.second)
		return p, err
	}
	return collect(ctx, q, both, what, query, args...)
}
