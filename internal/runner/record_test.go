package runner

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestS17RecordSize checks the size of a record: its numbers always fit into maxHeadBytes, and no text makes it larger
// than its budget.
func TestS17RecordSize(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 17))
	number := func() int64 { return random.Int64N(math.MaxInt64) >> random.IntN(63) }
	for range 20_000 {
		r := Record{
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
		budget := maxHeadBytes + random.IntN(600)
		got := r.Encode(budget)
		if len(got) > budget {
			t.Fatalf("%d bytes of %d: %q", len(got), budget, got)
		}
		head, _, ok := strings.Cut(got, "\n")
		if !ok || len(head)+1 > maxHeadBytes {
			t.Fatalf("head of %d bytes: %q", len(head), got)
		}
		if _, err := ParseRecord(got); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(r.Reason) && !utf8.ValidString(got) {
			t.Fatalf("cut inside a character: %q", got)
		}
	}
}

// TestS17RecordText: a record keeps its texts if there is room, and shortens the note before the reason.
func TestS17RecordText(t *testing.T) {
	r := Record{
		Exit:     1,
		Started:  1_700_000_000_000,
		Finished: 1_700_000_001_000,
		Failed:   true,
		Bytes:    7,
		Lines:    1,
		Memory:   5 << 20,
		Reason:   "it\nbroke",
		Note:     "twice",
	}
	got, err := ParseRecord(r.Encode(500))
	want := r
	if err != nil || got.Reason != "it broke" || got.Note != "twice" || got.Started != want.Started ||
		got.Memory != want.Memory ||
		!got.Failed {
		t.Errorf("%+v, %v", got, err)
	}
	short, err := ParseRecord(r.Encode(len(r.Encode(500)) - 4))
	if err != nil || short.Reason != "it broke" || short.Note == "twice" {
		t.Errorf("%+v, %v", short, err)
	}
}
