package logscan_test

import (
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/logscan"
)

// TestC13ScriptIsNoError checks that the script at the beginning of a log is not scanned
// for errors, and that everything behind it is.
func TestC13ScriptIsNoError(t *testing.T) {
	const script = "::group::Run cat <<X\n  cat <<X\n  ::error file=a.go,line=1::no\n  error: no\n" +
		"  a.go:1:2: no\n  ::endgroup::\n  FAIL\n  X\n"
	const note = "yaci-step: workspace: permission denied\n"
	for name, c := range map[string]struct {
		log         string
		first       int64
		annotations int
	}{
		"a script":                     {script + "::endgroup::\nfine\n", 0, 0},
		"an error behind it":           {script + "::endgroup::\n  error: yes\n", 10, 0},
		"an annotation behind it":      {script + "::endgroup::\n::error file=b.go,line=3::yes\n", 10, 1},
		"a note of the runner before":  {note + script + "::endgroup::\nfine\n", 0, 0},
		"notes, and an error behind":   {note + note + script + "::endgroup::\nerror: yes\n", 12, 0},
		"a note, and no script":        {note + "error: yes\n" + script, 2, 0},
		"a script that is cut off":     {script + "error: yes\n", 9, 0},
		"a group later in the log":     {"hello\n" + script, 5, 0},
		"another group at the begin":   {"::group::Test\n  error: yes\n", 2, 0},
		"a step that prints no script": {"a.go:1:2: yes\n", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := &logscan.ErrorScanner{}
			number := int64(0)
			for line := range strings.Lines(c.log) {
				number++
				s.Add(fragment(number, line))
			}
			first, list := s.FirstError(), s.Annotations()
			if first != c.first || len(list) != c.annotations {
				t.Errorf("first error %d, annotations %+v; want %d and %d", first, list, c.first, c.annotations)
			}
		})
	}
}
