package logscan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logscan"
)

// scan returns a scanner that has read a log.
func scan(log string) *logscan.ErrorScanner {
	s := &logscan.ErrorScanner{Repo: "Ada/Hello"}
	for i, line := range strings.SplitAfter(log, "\n") {
		s.Add(fragment(int64(i+1), line))
	}
	return s
}

func TestAnnotation(t *testing.T) {
	for line, want := range map[string]ci.Annotation{
		"::error file=a/b.go,line=3,endLine=5,col=2,title=Bad%2C thing::It is%0Abroken\r\n": {
			Path:    "a/b.go",
			Line:    3,
			End:     5,
			Column:  2,
			Level:   "failure",
			Title:   "Bad, thing",
			Message: "It is\nbroken",
		},
		"::warning file=./x.py,line=1::careful": {
			Path:    "x.py",
			Line:    1,
			End:     1,
			Level:   "warning",
			Message: "careful",
		},
		"::notice file=x.py,line=7,endLine=2::backwards": {
			Path:    "x.py",
			Line:    7,
			End:     7,
			Level:   "notice",
			Message: "backwards",
		},
		"./cmd/main.go:12:4: undefined: y": {
			Path:    "cmd/main.go",
			Line:    12,
			End:     12,
			Column:  4,
			Level:   "failure",
			Message: "undefined: y",
		},
		"vet: cmd/main.go:12:4: undefined: y": {
			Path:    "cmd/main.go",
			Line:    12,
			End:     12,
			Column:  4,
			Level:   "failure",
			Message: "undefined: y",
		},
		"src/a.c:9:1: warning: unused variable": {
			Path:    "src/a.c",
			Line:    9,
			End:     9,
			Column:  1,
			Level:   "warning",
			Message: "warning: unused variable",
		},
		"src/a.c:9:1: note: declared here": {
			Path:    "src/a.c",
			Line:    9,
			End:     9,
			Column:  1,
			Level:   "notice",
			Message: "note: declared here",
		},
		"\x1b[1msrc/a.c:9:1: \x1b[31merror:\x1b[0m no": {
			Path:    "src/a.c",
			Line:    9,
			End:     9,
			Column:  1,
			Level:   "failure",
			Message: "error: no",
		},
		"    a_test.go:7: of nobody": {
			Path:    "a_test.go",
			Line:    7,
			End:     7,
			Level:   "failure",
			Message: "of nobody",
		},
		"    a.go:7: of nobody, and no test":       {},
		"  a_test.go:7: too little before it":      {},
		"::error::no place":                        {},
		"::error file=/etc/passwd,line=1::outside": {},
		"::error file=../../x,line=1::outside":     {},
		"::error file=a.go,line=0::no line":        {},
		"::error file=a.go,line=1:: ":              {},
		"::group file=a.go,line=1::x":              {},
		"/usr/include/x.h:1:1: note":               {},
		"2026/01/02 03:04:05 a thing":              {},
		"http://x.test:80:1: hello":                {},
		"a.go:1: no column":                        {},
		"a.go:0:1: no such line":                   {},
		"see a.go:1:1: x":                          {},
	} {
		got := scan(line).Annotations()
		if want.Path == "" && len(got) > 0 || want.Path != "" && (len(got) != 1 || got[0] != want) {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}

// Messages of failed Go tests become annotations in the directory of their package.
func TestGoTests(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want []string // path:line: title: message
	}{
		"failed": {
			"--- FAIL: TestBye (0.00s)\n    bye_test.go:17: Bye() = \"x\",\n        want \"y\"\n" +
				"    bye_test.go:18: also\nFAIL\nFAIL\tgithub.com/ada/hello/greet/bye\t0.207s\n",
			[]string{`greet/bye/bye_test.go:17: TestBye: Bye() = "x",|want "y"`, "greet/bye/bye_test.go:18: TestBye: also"},
		},
		"below": {
			"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n        a_test.go:3: b\n" +
				"FAIL\nFAIL\tgithub.com/Ada/Hello\t0.1s\n",
			[]string{"a_test.go:3: TestA/b: b"},
		},
		"with -v": {
			"=== RUN   TestA\n    a_test.go:1: fine\n--- PASS: TestA (0.00s)\n" +
				"=== RUN   TestB\n=== PAUSE TestB\n=== RUN   TestC\n    c_test.go:2: bad\n" +
				"=== CONT  TestB\n    b_test.go:3: fine\n=== NAME  TestC\n    helper.go:4: worse\n" +
				"--- FAIL: TestC (0.00s)\n--- SKIP: TestB (0.00s)\nFAIL\nFAIL\tgithub.com/ada/hello/v2/x\t0.1s\n",
			[]string{"x/c_test.go:2: TestC: bad", "x/helper.go:4: TestC: worse"},
		},
		"another module": {
			"--- FAIL: TestA (0.00s)\n    a_test.go:1: x\nFAIL\nFAIL\texample.com/hello/x\t0.1s\n",
			[]string{"a_test.go:1: TestA: x"},
		},
		"a module with a similar name": {
			"--- FAIL: TestA (0.00s)\n    a_test.go:1: x\nFAIL\nFAIL\tgithub.com/ada/hello2/x\t0.1s\n",
			[]string{"a_test.go:1: TestA: x"},
		},
		"two packages": {
			"--- FAIL: TestA (0.00s)\n    a_test.go:1: x\nFAIL\tgithub.com/ada/hello/a\t0.1s\n" +
				"    b.go:1: x\nok  \tgithub.com/ada/hello/b\t0.1s\n",
			[]string{"a/a_test.go:1: TestA: x"},
		},
		"cut off":     {"--- FAIL: TestA (0.00s)\n    a_test.go:1: x\n", []string{"a_test.go:1: TestA: x"}},
		"never ended": {"=== RUN   TestA\n    a_test.go:1: x\npanic: test timed out\n", nil},
		"all have passed": {
			"=== RUN   TestA\n    a_test.go:1: x\n--- PASS: TestA (0.00s)\nPASS\nok  \tgithub.com/ada/hello\t0.1s\n",
			nil,
		},
	} {
		var got []string
		for _, a := range scan(c.log).Annotations() {
			got = append(got, fmt.Sprintf("%s:%d: %s: %s", a.Path, a.Line, a.Title, strings.ReplaceAll(a.Message, "\n", "|")))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFirstError(t *testing.T) {
	for log, want := range map[string]int64{
		"":                              0,
		"fine\nwords\n0 errors found\n": 0,
		"error: of a kind\nmain.go:3:5: undefined: x\n::error::stop here\n":                                        3,
		"error: of a kind\n::warning file=a.go,line=1::x\nmain.go:3:5: undefined: x\n":                             3,
		"::notice::error: x\nError: real\n":                                                                        2,
		"a.c:1:1: warning: x\na.c:1:2: note: y\na.c:2:1: error: z\n":                                               3,
		"--- FAIL: TestA (0.00s)\n    a_test.go:1: x\nFAIL\n":                                                      2,
		"=== RUN   TestA\n    a_test.go:1: x\nok then\n--- FAIL: TestA (0.00s)\nFAIL\n":                            2,
		"=== RUN   TestA\n    a_test.go:1: x\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n--- FAIL: TestB (0.00s)\n": 5,
		"x\npanic: runtime error: index out of range\n\ngoroutine 1 [running]:\n":                                  2,
		"x\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x\n":                          2,
		"x\n=================== FAILURES ===================\nE   ValueError: x\n":                                 2,
		"E   ValueError: x\n": 1,
		"Compiling\nerror[E0308]: mismatched types\n --> src/main.rs:2:5\n": 2,
		"thread 'main' panicked at src/main.rs:2:5:\n":                      1,
		"npm ERR! code 1\n":                                                    1,
		"[INFO] x\n[ERROR] Failed to execute goal\n":                           2,
		"sh: 1: golint: not found\n":                                           1,
		"bash: line 3: golint: command not found\n":                            1,
		"cc1: fatal error: x.c: No such file\n":                                1,
		"error TS2304: Cannot find name 'x'.\n":                                1,
		"make: *** [Makefile:2: all] Error 1\n":                                1,
		"not ok 3 - adds\n":                                                    1,
		"\x1b[31mFAIL\x1b[0m src/a.test.js\n":                                  1,
		"it is a mirror: of nothing\nFAILURES: 0\nterror: x\nMakefile: fine\n": 0,
		"fatal: not a git repository\n":                                        1,
		"Exception in thread \"main\" java.lang.Error\n":                       1,
	} {
		if got := scan(log).FirstError(); got != want {
			t.Errorf("%q: line %d, want %d", log, got, want)
		}
	}
}

func FuzzAnnotation(f *testing.F) {
	for _, seed := range []string{
		"::error file=a,line=1::x",
		"a.go:1:2: x",
		"\x1b]8;;\x07a.go:1:2: x",
		"::warning file=%2e%2e/x,line=2::y",
		strings.Repeat("é", 3000),
		"--- FAIL: TestA (0.00s)\n    a_test.go:1: x\n        y\nFAIL\tgithub.com/ada/hello/../../b\t0.1s\n",
		"=== RUN   T\n    a.go:1: x\n--- FAIL: T\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, log string) {
		s := scan(log)
		n := s.FirstError()
		if n < 0 || n > int64(strings.Count(log, "\n")+1) {
			t.Errorf("%q: line %d", log, n)
		}
		list := s.Annotations()
		if len(list) > logscan.MaxAnnotations {
			t.Errorf("%d annotations", len(list))
		}
		for _, a := range list {
			if problem := problemOf(a); problem != "" {
				t.Errorf("%q: %s: %+v", log, problem, a)
			}
		}
	})
}

// problemOf returns why GitHub would refuse an annotation, or "".
func problemOf(a ci.Annotation) string {
	switch {
	case a.Path == "", strings.HasPrefix(a.Path, "/"), strings.HasPrefix(a.Path, ".."):
		return "the path is outside the repository"
	case a.Line < 1, a.End < a.Line, a.Column < 0:
		return "the place is not in a file"
	case a.Message == "", len(a.Message) > 4<<10, len(a.Title) > 255:
		return "the message or title has the wrong size"
	case !utf8.ValidString(a.Message + a.Path + a.Title):
		return "the text is not UTF-8"
	case !slices.Contains([]string{"failure", "warning", "notice"}, a.Level):
		return "the level is unknown"
	}
	return ""
}

// A note says what is missing of a log. It is not output, whatever words it has.
func TestErrorScannerIgnoresNotes(t *testing.T) {
	s := &logscan.ErrorScanner{}
	s.Add(ci.LogLine{Number: 1, Text: []byte("::error file=a.go,line=1::x\n"), Note: true})
	first, list := s.FirstError(), s.Annotations()
	if first != 0 || len(list) != 0 {
		t.Errorf("first error %d, annotations %+v; want none", first, list)
	}
}

// BenchmarkErrorScanner scans a log of 200,000 lines, as is done once for each failed step.
func BenchmarkErrorScanner(b *testing.B) {
	const text = "2026-01-02T03:04:05Z compiling internal/something/else.go with some flags -x -y (12 of 345)\n"
	line := fragment(0, text)
	b.SetBytes(int64(200_000 * len(text)))
	for b.Loop() {
		var s logscan.ErrorScanner
		for i := range 200_000 {
			line.Number = int64(i + 1)
			s.Add(line)
		}
		if s.FirstError() != 0 {
			b.Fatal("an error")
		}
	}
}
