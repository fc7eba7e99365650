package logscan_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logscan"
)

// assemble returns the lines of some fragments, as text.
func assemble(t *testing.T, limit int, fragments ...ci.LogLine) (lines []string) {
	t.Helper()
	a := logscan.NewLineAssembler(limit, func(l ci.LogLine) error {
		lines = append(lines, fmt.Sprintf("%d %q %v %v", l.Number, l.Text, l.Note, !l.Time.IsZero()))
		return nil
	})
	for _, f := range fragments {
		if err := a.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second call has nothing to do
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

func fragment(number int64, text string) ci.LogLine {
	return ci.LogLine{Number: number, Text: []byte(text)}
}

func TestLineAssembler(t *testing.T) {
	begins := fragment(2, "bb")
	begins.Time = time.Unix(1, 0)
	got := assemble(t, 5,
		fragment(1, "a\n"),
		begins, fragment(2, "cc"), fragment(2, "d\n"),
		fragment(3, "\n"),
		fragment(4, "long.."), fragment(4, "cut"), fragment(4, "\n"),
		fragment(5, "end"))
	want := []string{
		`1 "a\n" false false`,
		`2 "bbccd\n" false true`,
		`3 "\n" false false`,
		`4 "long.." false false`,
		`5 "end" false false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A note never becomes part of a line that was cut off before it.
func TestLineAssemblerKeepsNotesApart(t *testing.T) {
	note := ci.LogLine{Number: 2, Text: []byte("Something is missing.\n"), Note: true}
	got := assemble(t, 0, fragment(1, "cut o"), note, fragment(9, "on\n"))
	want := []string{
		`1 "cut o" false false`,
		`2 "Something is missing.\n" true false`,
		`9 "on\n" false false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLineAssemblerReturnsErrors(t *testing.T) {
	gone := errors.New("reader is gone")
	a := logscan.NewLineAssembler(0, func(ci.LogLine) error { return gone })
	if err := a.Add(fragment(1, "a\n")); !errors.Is(err, gone) {
		t.Errorf("Add: %v", err)
	}
	if err := a.Add(fragment(2, "b")); err != nil {
		t.Errorf("Add of a line that has not ended: %v", err)
	}
	if err := a.Flush(); !errors.Is(err, gone) {
		t.Errorf("Flush: %v", err)
	}
}

// Written bytes are cut into the same lines, however they come.
func TestLineAssemblerAsWriter(t *testing.T) {
	const text = "one\n\ntwo two\r\nthree"
	want := strings.SplitAfter(text, "\n")
	for size := 1; size <= len(text); size++ {
		var got []string
		a := logscan.NewLineAssembler(0, func(l ci.LogLine) error {
			got = append(got, string(l.Text))
			return nil
		})
		from := struct{ io.Reader }{strings.NewReader(text)} // hides WriteTo
		to := struct{ io.Writer }{a}
		if _, err := io.CopyBuffer(to, from, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("written by %d bytes: %q, want %q", size, got, want)
		}
	}
}
