package logscan

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

var (
	goTestRuns    = regexp.MustCompile(`^=== (?:RUN|NAME|CONT) +(\S+)$`)
	goTestEnds    = regexp.MustCompile(`^ *(?:---|===) (PASS|FAIL|SKIP): (.+?)(?: \([0-9.]+s\))?$`)
	goTestMessage = regexp.MustCompile(`^( {4,})([^\s:/]+\.go):([1-9][0-9]{0,6}): (.*)$`)
	goPackageEnds = regexp.MustCompile(`^(ok  |FAIL)\t(\S+)\t`)
)

// maxPending is how many messages of tests that have not ended are remembered.
const maxPending = 200

// goTestReader reads the output of go test. Messages of a test are indented and name a
// file without its directory. Whether the test failed is told only by the line of its
// end, which precedes the messages, or with -v follows them. The directory is told only
// by the last line of the package.
type goTestReader struct {
	test       string        // the one that prints; empty: unknown
	testFailed bool          // the end of test was printed already, and it failed
	pending    []testMessage // of tests that have not ended
	failures   []testMessage // of failed tests of this package
	continued  bool          // the last line was a message, so the next one can continue it
}

// testMessage is a message that a test printed.
type testMessage struct {
	test   string
	number int64 // of the line in the log
	indent string
	ci.Annotation
}

// add reads a line. For the last line of a package it returns the messages of the failed
// tests, with paths from the root of the repository as far as they can be known.
func (g *goTestReader) add(number int64, line, repo string) (failures []testMessage) {
	continued := g.continued
	g.continued = false
	switch {
	case strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimLeft(line, " "), "--- "):
		if m := matchMessage(line); m != nil {
			g.addMessage(number, m)
		} else if continued {
			g.continueMessage(line)
		}
	case strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimLeft(line, " "), "--- "):
		if m := goTestRuns.FindStringSubmatch(line); m != nil {
			g.test, g.testFailed = m[1], false
		} else if m := goTestEnds.FindStringSubmatch(line); m != nil {
			g.endTest(m[2], m[1] == "FAIL")
		}
	case strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t"):
		m := goPackageEnds.FindStringSubmatch(line)
		if m == nil {
			return nil
		}
		failures = g.failures
		for i := range failures {
			failures[i].Path = packageDir(m[2], repo) + failures[i].Path
		}
		*g = goTestReader{}
	}
	return failures
}

// cost returns about how many bytes add matches with regular expressions or copies.
func (g *goTestReader) cost(line string) int {
	switch {
	case strings.HasPrefix(line, "=== "), strings.HasPrefix(strings.TrimLeft(line, " "), "--- "):
		return len(line) + 16*len(g.pending)
	case strings.HasPrefix(line, "    ") && strings.Contains(line, ".go:"),
		strings.HasPrefix(line, "ok  \t"),
		strings.HasPrefix(line, "FAIL\t"):
		return len(line)
	}
	return 0
}

func matchMessage(line string) []string {
	if !strings.Contains(line, ".go:") {
		return nil
	}
	return goTestMessage.FindStringSubmatch(line)
}

// addMessage takes a match of goTestMessage. A message of an unknown test counts as one of
// a failed test if its file is a test's.
func (g *goTestReader) addMessage(number int64, match []string) {
	m := testMessage{
		test:   g.test,
		number: number,
		indent: match[1],
		Annotation: ci.Annotation{
			Path:    match[2],
			Level:   levelFailure,
			Title:   ci.Truncate(g.test, maxTitle),
			Message: match[4],
		},
	}
	m.Line, _ = strconv.Atoi(match[3]) // it is a number of at most 7 digits
	switch {
	case g.testFailed, g.test == "" && strings.HasSuffix(m.Path, "_test.go"):
		if len(g.failures) < MaxAnnotations {
			g.failures = append(g.failures, m)
			g.continued = true
		}
	case g.test != "":
		if len(g.pending) == maxPending {
			g.pending = g.pending[1:]
		}
		g.pending = append(g.pending, m)
		g.continued = true
	}
}

// continueMessage adds a further line to the newest message if it is indented more.
func (g *goTestReader) continueMessage(line string) {
	list := g.failures
	if !g.testFailed && g.test != "" {
		list = g.pending
	}
	last := &list[len(list)-1]
	text, ok := strings.CutPrefix(line, last.indent+"    ")
	if ok && len(last.Message) < maxMessage {
		last.Message += "\n" + text
		g.continued = true
	}
}

// endTest moves the pending messages of a test to the failures, or drops them if it passed.
func (g *goTestReader) endTest(test string, failed bool) {
	var others []testMessage
	for _, m := range g.pending {
		switch {
		case m.test != test:
			others = append(others, m)
		case failed && len(g.failures) < MaxAnnotations:
			g.failures = append(g.failures, m)
		}
	}
	g.pending, g.test = others, test
	g.testFailed = failed
}

// packageDir returns the directory of a Go package, with a slash behind it, if the
// package's module is named after the repository. It returns "" for the root of the
// repository and for all other modules, whose directory is not known.
func packageDir(pkg, repo string) string {
	const host = "github.com/"
	prefix := host + repo + "/"
	if repo == "" || len(pkg) < len(prefix) || !strings.EqualFold(pkg[:len(prefix)], prefix) {
		return ""
	}
	dir := pkg[len(prefix):]
	if majorVersion.MatchString(dir) {
		_, dir, _ = strings.Cut(dir, "/")
	}
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// majorVersion begins the path of a module's second or later version (go.dev/ref/mod,
// "Major version suffixes").
var majorVersion = regexp.MustCompile(`^v[2-9][0-9]*(/|$)`)
