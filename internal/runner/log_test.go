package runner

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseProgressMarker(t *testing.T) {
	const big = "999999999999999"
	for line, want := range map[string]ProgressMarker{
		"\x1b_yaci 0 0\x1b\\\n":                     {},
		"\x1b_yaci 3 14\x1b\\\n":                    {Lines: 3, Bytes: 14},
		"\x1b_yaci " + big + " " + big + "\x1b\\\n": {Lines: 999999999999999, Bytes: 999999999999999},
	} {
		m, ok := ParseProgressMarker([]byte(line))
		if !ok || m != want {
			t.Errorf("%q: %+v %v", line, m, ok)
		}
	}
	for _, line := range []string{
		"", "\n", "\x1b_yaci", "\x1b_yaci \n", "\x1b_yaci 1 1\x1b\\", "\x1b_yaci 1\x1b\\\n",
		"\x1b_yaci 1 1 1\x1b\\\n", "x\x1b_yaci 1 1\x1b\\\n",
		"\x1b_yaci -1 1\x1b\\\n", "\x1b_yaci +1 1\x1b\\\n", "\x1b_yaci 1  1\x1b\\\n",
		"\x1b_yaci  1\x1b\\\n", "\x1b_yaci 1 \x1b\\\n", "\x1b_yaci 1_0 100\x1b\\\n",
		"\x1b_yaci 2 1\x1b\\\n", "\x1b_yaci= 1 1\x1b\\\n",
		"\x1b_yaci 9223372036854775807 9223372036854775807\x1b\\\n", "\x1b_yaci 1 1" + big + "\x1b\\\n",
		"\x1b_yaci 0x1 0x1\x1b\\\n", "\x1b_yaci " + strings.Repeat("0", 100) + " 1\x1b\\\n",
	} {
		if m, ok := ParseProgressMarker([]byte(line)); ok {
			t.Errorf("%q is read as %+v", line, m)
		}
	}
}

func TestStepOutput(t *testing.T) {
	log := "1\n\x1b_yaci 1 2\x1b\\\n\x1b_yaci= 9 9\x1b\\\n\x1b_yaci== x\x1b_yaci=\n\x1b_ya\n"
	want := "1\n\x1b_yaci 9 9\x1b\\\n\x1b_yaci= x\x1b_yaci\n\x1b_ya\n"
	if got := string(StepOutput([]byte(log))); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzProgressMarker parses any line, and checks that cutting a text in two does not change what is unescaped.
func FuzzProgressMarker(f *testing.F) {
	f.Add([]byte("\x1b_yaci 3 14\x1b\\\n"), 3)
	f.Add([]byte("\x1b_yaci=\x1b\x1b_yaci=="), 8)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		if m, ok := ParseProgressMarker(text); ok {
			if m.Lines < 0 || m.Bytes < m.Lines || m.Bytes >= 1e15 || !MayBeMarker(text[:len(text)-1]) {
				t.Errorf("%q: %+v", text, m)
			}
		}
		at = max(0, min(at, len(text)))
		var whole, cut MarkerUnescaper
		want := whole.Unescape(bytes.Clone(text))
		got := append(bytes.Clone(cut.Unescape(bytes.Clone(text[:at]))), cut.Unescape(bytes.Clone(text[at:]))...)
		if !bytes.Equal(got, want) || len(want) > len(text) {
			t.Errorf("%q cut at %d: %q, want %q", text, at, got, want)
		}
	})
}
