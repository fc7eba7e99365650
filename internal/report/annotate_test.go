package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestAnnotation(t *testing.T) {
	for line, want := range map[string]ci.Annotation{
		"::error file=a/b.go,line=3,endLine=5,col=2,title=Bad%2C thing::It is%0Abroken\r\n": {Path: "a/b.go", Line: 3, End: 5, Column: 2, Level: "failure", Title: "Bad, thing", Message: "It is\nbroken"},
		"::warning file=./x.py,line=1::careful":                                             {Path: "x.py", Line: 1, End: 1, Level: "warning", Message: "careful"},
		"::notice file=x.py,line=7,endLine=2::backwards":                                    {Path: "x.py", Line: 7, End: 7, Level: "notice", Message: "backwards"},
		"./cmd/main.go:12:4: undefined: y":                                                  {Path: "cmd/main.go", Line: 12, End: 12, Column: 4, Level: "failure", Message: "undefined: y"},
		"src/a.c:9:1: warning: unused variable":                                             {Path: "src/a.c", Line: 9, End: 9, Column: 1, Level: "warning", Message: "warning: unused variable"},
		"\x1b[1msrc/a.c:9:1: \x1b[31merror:\x1b[0m no":                                      {Path: "src/a.c", Line: 9, End: 9, Column: 1, Level: "failure", Message: "error: no"},
		"::error::no place":                                                                 {},
		"::error file=/etc/passwd,line=1::outside":                                          {},
		"::error file=../../x,line=1::outside":                                              {},
		"::error file=a.go,line=0::no line":                                                 {},
		"::error file=a.go,line=1:: ":                                                       {},
		"::group file=a.go,line=1::x":                                                       {},
		"/usr/include/x.h:1:1: note":                                                        {},
		"2026/01/02 03:04:05 a thing":                                                       {},
		"http://x.test:80:1: hello":                                                         {},
		"a.go:1: no column":                                                                 {},
		"a.go:0:1: no such line":                                                            {},
		"see a.go:1:1: x":                                                                   {},
	} {
		if got, ok := annotation(line); got != want || ok != (want.Path != "") {
			t.Errorf("%q: %+v %v, want %+v", line, got, ok, want)
		}
	}
}

func FuzzAnnotation(f *testing.F) {
	for _, s := range []string{"::error file=a,line=1::x", "a.go:1:2: x", "\x1b]8;;\x07a.go:1:2: x", "::warning file=%2e%2e/x,line=2::y", strings.Repeat("é", 3000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		a, ok := annotation(line)
		if !ok {
			return
		}
		if strings.HasPrefix(a.Path, "/") || strings.HasPrefix(a.Path, "..") || a.Path == "" || a.Line < 1 || a.End < a.Line || a.Column < 0 || a.Message == "" ||
			len(a.Message) > maxMessage || len(a.Title) > 255 || !utf8.ValidString(a.Message+a.Path+a.Title) {
			t.Errorf("%q: %+v", line, a)
		}
	})
}
