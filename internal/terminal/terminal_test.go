package terminal

import (
	"bytes"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestTable(t *testing.T) {
	rows := [][]Cell{
		Header("STATE", "TITLE", "AGE"),
		{State(ci.Failure), {Text: "naïve \x1b[31mred\r"}, {Text: "5m ago"}},
		{State(ci.Cancelled), {Text: "x"}, {Text: "now"}},
	}
	for name, c := range map[string]struct {
		colour bool
		want   string
	}{
		"to a file":     {false, "STATE        TITLE          AGE\n✗ failed     naïve [31mred  5m ago\n■ cancelled  x              now\n"},
		"to a terminal": {true, "\x1b[2mSTATE\x1b[0m        \x1b[2mTITLE\x1b[0m          \x1b[2mAGE\x1b[0m\n\x1b[31m✗ failed\x1b[0m     naïve [31mred  5m ago\n\x1b[2m■ cancelled\x1b[0m  x              now\n"},
	} {
		var out bytes.Buffer
		err := (Screen{Writer: &out, Colour: c.colour}).Table(rows)
		if err != nil || out.String() != c.want {
			t.Errorf("%s: %v\n%q\nwant\n%q", name, err, out.String(), c.want)
		}
	}
	var out bytes.Buffer
	s := New(&out, func(string) string { return "" })
	if s.Colour || s.Live {
		t.Error("a buffer is no terminal")
	}
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		-time.Second:                            {"0s", "now"},
		1490 * time.Millisecond:                 {"1.4s", "now"},
		12 * time.Second:                        {"12s", "12s ago"},
		3*time.Minute + 5*time.Second:           {"3m05s", "3m ago"},
		2*time.Hour + 10*time.Minute:            {"2h10m", "2h ago"},
		12*24*time.Hour + 30*time.Minute:        {"288h30m", "12d ago"},
		59*time.Minute + 59999*time.Microsecond: {"59m00s", "59m ago"},
	} {
		took, ago := Took(d), Ago(d)
		if took != want[0] || ago != want[1] {
			t.Errorf("%v: %q and %q, want %q", d, took, ago, want)
		}
	}
	if got := Cut("abcdef", 4); got != "abc…" {
		t.Errorf("cut to %q", got)
	}
}
