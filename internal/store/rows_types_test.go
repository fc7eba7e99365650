package store

import (
	"database/sql"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type embeddedRow struct {
	B string `sql:"t.b"`
	C bool   `sql:"t.c IS NULL"`
}

type testRow struct {
	A int `sql:"a"`
	embeddedRow
	D timestamp `sql:"d"`
	E currentRepo
}

// TestRowTypes: columns, arguments and destinations have one order.
func TestRowTypes(t *testing.T) {
	wantColumns := "a, t.b, t.c IS NULL, d, " + currentRepo{}.expression()
	if got := columnsOf[testRow](); got != wantColumns {
		t.Errorf("columns %q, want %q", got, wantColumns)
	}
	if got, want := insertInto[embeddedRow]("t"), "INSERT INTO t (t.b, t.c IS NULL) VALUES (?, ?)"; got != want {
		t.Errorf("insert %q, want %q", got, want)
	}
	if got, want := assignmentsOf[embeddedRow](), "t.b = ?, t.c IS NULL = ?"; got != want {
		t.Errorf("assignments %q, want %q", got, want)
	}

	row := testRow{
		A:           1,
		embeddedRow: embeddedRow{B: "two", C: true},
		D:           timestamp{time.UnixMilli(4).UTC()},
		E:           currentRepo{sql.NullString{String: "five", Valid: true}},
	}
	values := valuesOf(row, "six")
	if diff := cmp.Diff([]any{1, "two", true, row.D, row.E, "six"}, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	got, err := scanRow[testRow](scannedRow{int64(1), "two", true, int64(4), "five"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(row, got, cmp.AllowUnexported(testRow{}, embeddedRow{})); diff != "" {
		t.Errorf("scanned row (-want +got):\n%s", diff)
	}
}

// TestRowTypesNeedTags: a field without a column is found when the program starts.
func TestRowTypesNeedTags(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a row type with a field without a tag was taken")
		}
	}()
	columnsOf[struct{ Forgotten int }]()
}

// scannedRow is a row with the values that a driver returns.
type scannedRow []any

func (r scannedRow) Scan(into ...any) error {
	for i, value := range r {
		switch to := into[i].(type) {
		case *int:
			*to = int(value.(int64))
		case *string:
			*to = value.(string)
		case *bool:
			*to = value.(bool)
		case sql.Scanner:
			if err := to.Scan(value); err != nil {
				return err
			}
		}
	}
	return nil
}
