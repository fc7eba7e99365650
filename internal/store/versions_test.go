package store_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/yaci-ci/yaci/internal/store"
)

// versionDir has the rows of every version of the schema as the code of that version wrote them, through the methods of
// its store, in the order of versionRows. A file is never changed; testdata/versions/README.md says more.
const versionDir = "testdata/versions"

// versionHeader is the first line of a file of rows.
type versionHeader struct {
	// Release counts the versions in the order in which they were written, which the numbers of migrations do not. It is
	// 0 for rows without the columns of some migrations that came with the others of the file.
	Release    int     `json:"release"`
	Migrations []int64 `json:"migrations"`
}

type versionFile struct {
	versionHeader
	name string
	rows []versionRow
}

type versionRow struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"`
}

// TestUpgrade migrates a database of each earlier version, with its rows, to the newest one, and reads and continues it
// through the methods of the store.
func TestUpgrade(t *testing.T) {
	files := versionFiles(t)
	for _, file := range files {
		t.Run(file.name, func(t *testing.T) {
			t.Run("sqlite", func(t *testing.T) { upgrade(t, filepath.Join(t.TempDir(), "yaci.db"), file) })
			t.Run("postgres", func(t *testing.T) { upgrade(t, postgres.URL(t), file) })
		})
	}
}

// TestUpgradeKnowsAllMigrations fails for a new migration: rows as it leaves them have to be kept, so that later ones
// are tested with them. The flag -update of this package's tests writes them.
func TestUpgradeKnowsAllMigrations(t *testing.T) {
	names, err := filepath.Glob("migrations/*.sql")
	must(t, err)
	files := versionFiles(t)
	newest := slices.MaxFunc(files, func(a, b versionFile) int { return a.Release - b.Release })
	var numbers []int64
	added := "" // the last migration that the newest file does not have
	for _, name := range names {
		number, err := strconv.ParseInt(filepath.Base(name)[:4], 10, 64)
		must(t, err)
		numbers = append(numbers, number)
		if !slices.Contains(newest.Migrations, number) {
			added = strings.TrimSuffix(filepath.Base(name), ".sql")
		}
	}
	if added == "" {
		return
	}
	if !updating() {
		t.Fatalf("%s has no rows of migration %s: go test ./internal/store -run TestUpgrade -update", versionDir, added)
	}
	where := filepath.Join(t.TempDir(), "yaci.db")
	s, err := store.Open(t.Context(), where, store.WithReports(versionReports))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	s.SetNow(ticking())
	versionRows(t, s)
	header, err := json.Marshal(versionHeader{Release: newest.Release + 1, Migrations: numbers})
	must(t, err)
	text := string(header) + "\n" + rowsText(t, s.Writer())
	must(t, os.WriteFile(filepath.Join(versionDir, added+".jsonl"), []byte(text), 0o644))
}

func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// ticking returns a clock that begins at versionTime and advances by one second each time that it is read.
func ticking() func() time.Time {
	now := versionTime
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func upgrade(t *testing.T, where string, file versionFile) {
	s, err := store.OpenAt(t.Context(), where, file.Migrations)
	must(t, err)
	insertRows(t, s, file.rows)
	must(t, s.Close())

	s = open(t, where)
	s.SetNow(func() time.Time { return at(600) })
	checkVersion(t, s, versionOf(file))
	continueVersion(t, s, versionOf(file))
}

func versionFiles(t *testing.T) (files []versionFile) {
	t.Helper()
	names, err := filepath.Glob(versionDir + "/*.jsonl")
	must(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		must(t, err)
		file := versionFile{name: strings.TrimSuffix(filepath.Base(name), ".jsonl")}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		lines.Scan()
		must(t, json.Unmarshal(lines.Bytes(), &file.versionHeader))
		for lines.Scan() {
			var row versionRow
			decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
			decoder.UseNumber()
			must(t, decoder.Decode(&row))
			file.rows = append(file.rows, row)
		}
		must(t, lines.Err())
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("%s is empty", versionDir)
	}
	return files
}

// insertRows writes rows as they are. What migrations have put into a table makes room for them.
func insertRows(t *testing.T, s *store.Store, rows []versionRow) {
	t.Helper()
	isCleared := map[string]bool{}
	for _, row := range rows {
		if !isCleared[row.Table] {
			_, err := s.Writer().ExecContext(t.Context(), `DELETE FROM `+row.Table)
			must(t, err)
			isCleared[row.Table] = true
		}
		columns := slices.Sorted(maps.Keys(row.Row))
		var values []any
		for _, column := range columns {
			values = append(values, columnValue(t, row.Row[column]))
		}
		query := fmt.Sprintf(
			`INSERT INTO %s (%s) VALUES (?%s)`,
			row.Table,
			strings.Join(columns, ", "),
			strings.Repeat(", ?", len(columns)-1),
		)
		_, err := s.Writer().ExecContext(t.Context(), query, values...)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if s.IsPostgres() { // numbers that were given out count, as they did when the rows were written
		_, err := s.Writer().
			ExecContext(t.Context(), `SELECT setval(pg_get_serial_sequence('deliveries', 'id'), (SELECT max(id) FROM deliveries))`)
		must(t, err)
	}
}

// columnValue returns what a file of rows says of one column. SQLite keeps bytes and text apart, in columns of either
// type.
func columnValue(t *testing.T, value any) any {
	t.Helper()
	switch v := value.(type) {
	case json.Number:
		n, err := v.Int64()
		must(t, err)
		return n
	case map[string]any:
		if text, ok := v["blob"].(string); ok {
			return []byte(text)
		}
		text, _ := v["hex"].(string)
		data, err := hex.DecodeString(text)
		must(t, err)
		return data
	}
	return value
}

// rowsText returns all rows of a SQLite database as lines of JSON, one a row: those that others refer to come first.
func rowsText(t *testing.T, db *sql.DB) string {
	t.Helper()
	const list = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version' ORDER BY name`
	tables := []string{"runs", "jobs"}
	for _, table := range queryColumn[string](t, db, list) {
		if table != "runs" && table != "jobs" {
			tables = append(tables, table)
		}
	}
	var text strings.Builder
	for _, table := range tables {
		for _, row := range tableRows(t, db, table) {
			line, err := json.Marshal(versionRow{Table: table, Row: row})
			must(t, err)
			text.Write(append(line, '\n'))
		}
	}
	return text.String()
}

func tableRows(t *testing.T, db *sql.DB, table string) (list []map[string]any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+table+` ORDER BY 1, 2`)
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(t, rows.Scan(into...))
		row := map[string]any{}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = blob(b)
			}
			row[columns[i]] = v
		}
		list = append(list, row)
	}
	must(t, rows.Err())
	return list
}

// blob returns bytes as they stand in a file of rows: readable if they are text.
func blob(b []byte) map[string]string {
	if utf8.Valid(b) {
		return map[string]string{"blob": string(b)}
	}
	return map[string]string{"hex": hex.EncodeToString(b)}
}

func queryColumn[T any](t *testing.T, db *sql.DB, query string) (list []T) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var v T
		must(t, rows.Scan(&v))
		list = append(list, v)
	}
	must(t, rows.Err())
	return list
}
