package ci

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What PlainLine and compiled read, as regular expressions, which are slow.
var (
	plainEscapes  = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|[\]_][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]`)
	compilerPlace = regexp.MustCompile(`^(?:vet: )?(?:\./)?([^\s:]+\.[A-Za-z0-9_]+):([1-9][0-9]{0,6}):([1-9][0-9]{0,4}): (.+)$`)
)

func checkPlain(t *testing.T, line string) {
	t.Helper()
	want := strings.ToValidUTF8(plainEscapes.ReplaceAllString(strings.TrimRight(line, "\r\n"), ""), "\uFFFD")
	if got := PlainLine(line); got != want {
		t.Errorf("%q: %q, want %q", line, got, want)
	}
}

func checkPlace(t *testing.T, line string) {
	t.Helper()
	m := compilerPlace.FindStringSubmatch(line)
	a, ok := compiled(line)
	if ok != (m != nil) || ok && (a.Path != m[1] || a.Message != m[4]) {
		t.Errorf("%q: %+v %v, want %q", line, a, ok, m)
	}
}

// randomText is made of the given parts.
func randomText(random *rand.Rand, parts []string) string {
	var b strings.Builder
	for range random.IntN(12) {
		b.WriteString(parts[random.IntN(len(parts))])
	}
	return b.String()
}

func TestPlainLine(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 1))
	for range 20_000 {
		checkPlain(t, randomText(random, []string{"\x1b", "[", "]", "_", "\\", "\a", "1;31", "m", " ", "/", "~", "\t", "\x00", "\x7f", "\x80", "é", "\xc3", "\xa9", "x", "(", "0", "?", "\r", "\n\n"}))
		checkPlace(t, randomText(random, []string{"vet: ", "./", "a", ".go", ".", ":", "1", "0", "12345678", ": ", " ", "x", "_", "\t", "é", "main.go:3:5: undefined"}))
	}
}

func FuzzPlainLine(f *testing.F) {
	f.Add("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\a")
	f.Add("vet: ./a/b.go:12:3: message")
	f.Fuzz(func(t *testing.T, line string) {
		line, _, _ = strings.Cut(line, "\n")
		checkPlain(t, line)
		checkPlace(t, line)
	})
}

// TestS21: the log of a failed step is read at 50 MiB/s and more, or only a bounded
// part of it is matched, whatever the step printed. The bound on the time is ten times
// that of an idle machine.
func TestS21(t *testing.T) {
	const size = 16 << 20
	for name, line := range map[string]string{
		"escapes":      strings.Repeat("\x1b[31m.\x1b[0m", 100),
		"escape alone": strings.Repeat("\x1b", 1000),
		"no end":       strings.Repeat("\x1b[", 8000),
		"osc":          strings.Repeat("\x1b]8;;", 500),
		"words":        strings.Repeat("make: a: error, ", 60),
		"colons":       strings.Repeat("x: ", 5000) + "make",
		"places":       "main.go:3:5: " + strings.Repeat("x", 100),
		"no place":     strings.Repeat("x", 1000) + ".go:3:x",
		"commands":     "::error file=" + strings.Repeat(":x", 500),
		"test ends":    "--- PASS: x",
		"test says":    "    x_test.go:3: " + strings.Repeat("y", 50),
		"no utf-8":     strings.Repeat("\xff\xfe", 500),
		"text":         "just some text of an ordinary length, as most lines are",
	} {
		var r Reading
		began, n := time.Now(), int64(0)
		for read := 0; read < size; read += len(line) + 1 {
			n++
			r.Add(n, line)
		}
		took := time.Since(began)
		t.Logf("%-14s %5.0f MiB/s", name, float64(size>>20)/took.Seconds())
		if took > 20*time.Second {
			t.Errorf("%s: %v for %d MiB", name, took, size>>20)
		}
		if r.matched > maxMatched+2*maxRead {
			t.Errorf("%s: %d bytes were matched", name, r.matched)
		}
	}
	if !bytes.Contains([]byte(PlainLine("\x1b[1mx")), []byte("x")) {
		t.Error("text was lost")
	}
}
