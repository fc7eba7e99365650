package ci_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestJoiner(t *testing.T) {
	var got []string
	j := ci.Joiner{Most: 5, To: func(number int64, line string) { got = append(got, fmt.Sprintf("%d %q", number, line)) }}
	for _, p := range []struct {
		number int64
		text   string
	}{{1, "a\n"}, {2, "bb"}, {2, "cc"}, {2, "d\n"}, {3, "\n"}, {4, "long.."}, {4, "cut"}, {4, "\n"}, {5, "end"}} {
		j.Add(ci.LogLine{Number: p.number, Text: []byte(p.text)})
	}
	j.End()
	j.End()
	if want := []string{`1 "a\n"`, `2 "bbccd\n"`, `3 "\n"`, `4 "long.."`, `5 "end"`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
