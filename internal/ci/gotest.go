package ci

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	goSays   = regexp.MustCompile(`^=== (?:RUN|NAME|CONT) +(\S+)$`)
	goEnds   = regexp.MustCompile(`^ *(?:---|===) (PASS|FAIL|SKIP): (.+?)(?: \([0-9.]+s\))?$`)
	goPlace  = regexp.MustCompile(`^( {4,})([^\s:/]+\.go):([1-9][0-9]{0,6}): (.*)$`)
	goModule = regexp.MustCompile(`^(ok  |FAIL)\t(\S+)\t`)
)

// maxHeard bounds what is remembered of tests that have not ended.
const maxHeard = 200

// goTests reads what go test prints. A test's words are indented and name a file
// without its directory; only the line of its end tells whether it failed, which comes
// before them, or with -v behind them, and only that of its package where the file is.
type goTests struct {
	name   string  // the test that speaks
	failed bool    // which is known already
	heard  []heard // of tests that go on
	told   []heard // of tests that failed, of this package
	open   bool    // the last line was the newest of told or heard
}

// heard is what a test said, and where.
type heard struct {
	test   string
	number int64
	indent string
	Annotation
}

// add reads one line. With the line that ends a package come the words of its
// failed tests, with paths from the root of the repository as far as they can be told.
func (g *goTests) add(number int64, line, repo string) (done []heard) {
	open := g.open
	g.open = false
	switch {
	case strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimLeft(line, " "), "--- "):
		if m := goPlaceOf(line); m != nil {
			g.say(number, m)
		} else if open {
			g.more(line)
		}
	case strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimLeft(line, " "), "--- "):
		if m := goSays.FindStringSubmatch(line); m != nil {
			g.name, g.failed = m[1], false
		} else if m := goEnds.FindStringSubmatch(line); m != nil {
			g.end(m[2], m[1] == "FAIL")
		}
	case strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t"):
		if m := goModule.FindStringSubmatch(line); m != nil {
			done = g.told
			for i := range done {
				done[i].Path = directory(m[2], repo) + done[i].Path
			}
			*g = goTests{}
		}
	}
	return done
}

// cost is about how many bytes add matches with regular expressions or copies.
func (g *goTests) cost(line string) int {
	switch {
	case strings.HasPrefix(line, "=== "), strings.HasPrefix(strings.TrimLeft(line, " "), "--- "):
		return len(line) + 16*len(g.heard)
	case strings.HasPrefix(line, "    ") && strings.Contains(line, ".go:"),
		strings.HasPrefix(line, "ok  \t"),
		strings.HasPrefix(line, "FAIL\t"):
		return len(line)
	}
	return 0
}

func goPlaceOf(line string) []string {
	if !strings.Contains(line, ".go:") {
		return nil
	}
	return goPlace.FindStringSubmatch(line)
}

// say takes in the words of a test. Those of nobody are believed when a test's file says them.
func (g *goTests) say(number int64, m []string) {
	h := heard{
		test:   g.name,
		number: number,
		indent: m[1],
		Annotation: Annotation{
			Path:    m[2],
			Level:   "failure",
			Title:   shortened(g.name, maxTitle),
			Message: m[4],
		},
	}
	h.Line, _ = strconv.Atoi(m[3])
	switch {
	case g.failed, g.name == "" && strings.HasSuffix(m[2], "_test.go"):
		if len(g.told) < MaxAnnotations {
			g.told, g.open = append(g.told, h), true
		}
	case g.name != "":
		if len(g.heard) == maxHeard {
			g.heard = g.heard[1:]
		}
		g.heard, g.open = append(g.heard, h), true
	}
}

// more is another line of what was said last.
func (g *goTests) more(line string) {
	list := g.told
	if !g.failed && g.name != "" {
		list = g.heard
	}
	last := &list[len(list)-1]
	text, ok := strings.CutPrefix(line, last.indent+"    ")
	if ok && len(last.Message) < maxMessage {
		last.Message += "\n" + text
		g.open = true
	}
}

// end tells what became of a test.
func (g *goTests) end(test string, failed bool) {
	var rest []heard
	for _, h := range g.heard {
		if h.test != test {
			rest = append(rest, h)
		} else if failed && len(g.told) < MaxAnnotations {
			g.told = append(g.told, h)
		}
	}
	g.heard = rest
	g.name = test
	g.failed = failed
}

// directory is where a package lies in a repository by whose name its module is
// called, with a slash behind it; empty when that cannot be told, or it is the root.
func directory(pkg, repo string) string {
	const host = "github.com/"
	if repo == "" || len(pkg) <= len(host)+len(repo) || !strings.EqualFold(pkg[:len(host)+len(repo)+1], host+repo+"/") {
		return ""
	}
	dir := pkg[len(host)+len(repo)+1:]
	if major.MatchString(dir) {
		_, dir, _ = strings.Cut(dir, "/")
	}
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// major begins the path of a module's second or later version (go.dev/ref/mod, "Major version suffixes").
var major = regexp.MustCompile(`^v[2-9][0-9]*(/|$)`)
