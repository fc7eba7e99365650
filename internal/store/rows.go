package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A row type is a struct for the rows that one query returns, or that one statement writes. A field's tag, such as
// `sql:"name"`, is its column, or for reading any expression. The column list of the statement and the arguments or
// destinations that go with it are both made from the type, in the order of its fields, so they cannot disagree. A row
// type that is embedded in another one adds its columns. Libraries that scan by tags leave the column list to be
// written by hand, and a column that it lacks stays zero.
//
// The types of internal/ci are not row types: they have no storage format. A method or function beside each row type
// converts one to the other.

// columnsOf returns the columns of a row type, separated by commas, for a SELECT.
func columnsOf[Row any]() string {
	return strings.Join(columnNames(reflect.TypeFor[Row]()), ", ")
}

// insertInto returns a statement that inserts a row of a row type into a table, with the arguments of [valuesOf].
func insertInto[Row any](table string) string {
	names := columnNames(reflect.TypeFor[Row]())
	columns := strings.Join(names, ", ")
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", table, columns, strings.Repeat(", ?", len(names)-1))
}

// assignmentsOf returns the assignments of an UPDATE that writes all columns of a row type, with the arguments of
// [valuesOf].
func assignmentsOf[Row any]() string {
	return strings.Join(columnNames(reflect.TypeFor[Row]()), " = ?, ") + " = ?"
}

// columnNames panics for a field that has no column: all row types are known when the program starts.
func columnNames(rowType reflect.Type) (names []string) {
	for i := range rowType.NumField() {
		field := rowType.Field(i)
		if isEmbedded(field) {
			names = append(names, columnNames(field.Type)...)
			continue
		}
		name, ok := field.Tag.Lookup("sql")
		if typed, is := reflect.Zero(field.Type).Interface().(expression); is {
			name, ok = typed.expression(), true
		}
		if !ok || !field.IsExported() {
			panic(fmt.Sprintf("%s.%s has no tag, or is not exported", rowType, field.Name))
		}
		names = append(names, name)
	}
	return names
}

// expression is a type of fields that are always read by the same expression, which takes the place of a tag.
type expression interface{ expression() string }

// isEmbedded reports whether a field is a row type that is embedded. Its name is not exported, unlike those of columns.
func isEmbedded(field reflect.StructField) bool { return field.Anonymous && !field.IsExported() }

// valuesOf returns the values of a row in the order of its columns, followed by further arguments.
func valuesOf(row any, more ...any) []any {
	value := reflect.ValueOf(row)
	return append(appendValues(make([]any, 0, value.NumField()+len(more)), value), more...)
}

func appendValues(values []any, row reflect.Value) []any {
	for i := range row.NumField() {
		field := row.Field(i)
		if !field.CanInterface() { // see isEmbedded
			values = appendValues(values, field)
			continue
		}
		values = append(values, field.Interface())
	}
	return values
}

// row is one row of a result, or the one at which sql.Rows stands.
type row interface{ Scan(into ...any) error }

// scanRow reads one row of a query that selects [columnsOf] the row type. The error is [sql.ErrNoRows], wrapped or
// not, if there is none.
func scanRow[Row any](from row) (found Row, err error) {
	value := reflect.ValueOf(&found).Elem()
	err = from.Scan(appendDestinations(make([]any, 0, value.NumField()), value)...)
	return found, err
}

func appendDestinations(into []any, row reflect.Value) []any {
	for i := range row.NumField() {
		field := row.Field(i)
		if !field.CanInterface() { // see isEmbedded
			into = appendDestinations(into, field)
			continue
		}
		into = append(into, field.Addr().Interface())
	}
	return into
}

// scanAs returns a function that reads one row of a row type and converts it.
func scanAs[Row, T any](convert func(Row) (T, error)) func(row) (T, error) {
	return func(from row) (T, error) {
		found, err := scanRow[Row](from)
		if err != nil {
			var none T
			return none, err
		}
		return convert(found)
	}
}

// querier is the database, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// rowQuerier is the database, or a transaction.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// execer is the database, or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// collect reads all rows of a query. what says in errors what they are.
func collect[T any](
	ctx context.Context, q querier, scan func(row) (T, error), what, query string, args ...any,
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

// column reads all rows of a query with one column.
func column[T any](ctx context.Context, q querier, what, query string, args ...any) ([]T, error) {
	scan := func(from row) (v T, err error) {
		err = from.Scan(&v)
		return v, err
	}
	return collect(ctx, q, scan, what, query, args...)
}

// changes runs a statement and reports whether it changed any row.
func changes(ctx context.Context, e execer, query string, args ...any) (changed bool, err error) {
	result, err := e.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// timestamp is a time as columns have it: in milliseconds since 1970, and 0 for the zero time.
type timestamp struct{ time.Time }

// Scan reads a column; see [sql.Scanner].
func (t *timestamp) Scan(value any) error {
	ms, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T, not as milliseconds", value)
	}
	t.Time = moment(ms)
	return nil
}

// Value returns what is stored; see [driver.Valuer].
func (t timestamp) Value() (driver.Value, error) { return millis(t.Time), nil }

// millis returns a time as it is stored. The zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment returns the time that millis has stored, in UTC.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
