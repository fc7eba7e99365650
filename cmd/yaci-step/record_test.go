package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// decode reads a termination message as the server does (internal/watch/record.go).
func decode(message string) (r record, err error) {
	head, rest, _ := strings.Cut(message, "\n")
	fields := strings.Split(head, " ")
	if len(fields) != 11 || fields[0] != "y1" {
		return r, fmt.Errorf("no record: %q", message)
	}
	var n [10]int64
	for i, field := range fields[1:] {
		if n[i], err = strconv.ParseInt(field, 36, 64); err != nil {
			return r, err
		}
	}
	flag := func(i int) bool { return n[4]&(1<<i) != 0 }
	r = record{
		Exit:     int(n[0]),
		Started:  n[1],
		Finished: n[2],
		Attempts: int(n[3]),
		Skipped:  flag(0),
		TimedOut: flag(1),
		Stopped:  flag(2),
		Allowed:  flag(3),
		Failed:   flag(4),
		Broken:   flag(5),
		Bytes:    n[5],
		Lines:    n[6],
		Memory:   n[7] << 10,
		CPU:      n[8],
		OOM:      int(n[9]),
	}
	r.Reason, r.Note, _ = strings.Cut(rest, "\n")
	return r, nil
}

// TestS17RecordSize holds the size of a record: its numbers always fit into
// headBytes, and no text makes it larger than its budget.
func TestS17RecordSize(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 17))
	number := func() int64 { return random.Int64N(math.MaxInt64) >> random.IntN(63) }
	for range 20_000 {
		r := record{
			Exit:     int(number()),
			Started:  number(),
			Finished: number(),
			Attempts: int(number()),
			Skipped:  random.IntN(2) == 0,
			Broken:   random.IntN(2) == 0,
			Bytes:    number(),
			Lines:    number(),
			Memory:   number(),
			CPU:      number(),
			OOM:      int(number()),
			Reason:   strings.Repeat([]string{"", "x", "é\n", "a b", "\xff"}[random.IntN(5)], random.IntN(400)),
			Note:     strings.Repeat("n", random.IntN(400)),
		}
		budget := headBytes + random.IntN(600)
		got := r.message(budget)
		if len(got) > budget {
			t.Fatalf("%d bytes of %d: %q", len(got), budget, got)
		}
		if head, _, ok := strings.Cut(got, "\n"); !ok || len(head)+1 > headBytes {
			t.Fatalf("head of %d bytes: %q", len(head), got)
		}
		if _, err := decode(got); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(r.Reason) && !utf8.ValidString(got) {
			t.Fatalf("cut inside a character: %q", got)
		}
	}
}

// TestS17RecordText: a record keeps all texts where there is room, and the reason before the note.
func TestS17RecordText(t *testing.T) {
	r := record{Exit: 1, Started: 1_700_000_000_000, Finished: 1_700_000_001_000, Failed: true, Bytes: 7, Lines: 1, Memory: 5 << 20,
		Reason: "it\nbroke", Note: "twice"}
	got, err := decode(r.message(500))
	if want := r; err != nil || got.Reason != "it broke" || got.Note != "twice" || got.Started != want.Started || got.Memory != want.Memory || !got.Failed {
		t.Errorf("%+v, %v", got, err)
	}
	short, err := decode(r.message(len(r.message(500)) - 4))
	if err != nil || short.Reason != "it broke" || short.Note == "twice" {
		t.Errorf("%+v, %v", short, err)
	}
}
