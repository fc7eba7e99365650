package logscan

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// The languages of PlainLine and compilerMessage as regular expressions, which are slow.
var (
	plainEscapes = regexp.MustCompile(
		`\x1b(\[[0-9;?]*[ -/]*[@-~]|[\]_][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]`,
	)
	compilerPlace = regexp.MustCompile(
		`^(?:vet: )?(?:\./)?([^\s:]+\.[A-Za-z0-9_]+):([1-9][0-9]{0,6}):([1-9][0-9]{0,4}): (.+)$`,
	)
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
	a, ok := compilerMessage(line)
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
		checkPlain(
			t,
			randomText(
				random,
				[]string{
					"\x1b",
					"[",
					"]",
					"_",
					"\\",
					"\a",
					"1;31",
					"m",
					" ",
					"/",
					"~",
					"\t",
					"\x00",
					"\x7f",
					"\x80",
					"é",
					"\xc3",
					"\xa9",
					"x",
					"(",
					"0",
					"?",
					"\r",
					"\n\n",
				},
			),
		)
		checkPlace(
			t,
			randomText(
				random,
				[]string{
					"vet: ",
					"./",
					"a",
					".go",
					".",
					":",
					"1",
					"0",
					"12345678",
					": ",
					" ",
					"x",
					"_",
					"\t",
					"é",
					"main.go:3:5: undefined",
				},
			),
		)
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

// slowLines returns lines that are expensive to scan, and one that is not.
func slowLines() map[string]string {
	return map[string]string{
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
	}
}

// scanMuch scans a line again and again until it has scanned size bytes.
func scanMuch(line string, size int) (s ErrorScanner) {
	l := ci.LogLine{Text: []byte(line)}
	for scanned := 0; scanned < size; scanned += len(line) + 1 {
		l.Number++
		s.Add(l)
	}
	return s
}

// TestS21: only a bounded part of the log of a failed step is matched, whatever the step printed.
func TestS21(t *testing.T) {
	for name, line := range slowLines() {
		if s := scanMuch(line, 10<<20); s.matched > maxMatched+2*maxLineScanned {
			t.Errorf("%s: %d bytes were matched", name, s.matched)
		}
	}
	if !bytes.Contains([]byte(PlainLine("\x1b[1mx")), []byte("x")) {
		t.Error("text was lost")
	}
}

// BenchmarkS21 measures how fast the log of a failed step is scanned.
func BenchmarkS21(b *testing.B) {
	for name, line := range slowLines() {
		b.Run(name, func(b *testing.B) {
			const size = 16 << 20
			b.SetBytes(size)
			for b.Loop() {
				scanMuch(line, size)
			}
		})
	}
}
