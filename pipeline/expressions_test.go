package pipeline

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestCutExpression compares the scan with the regular expression that says what an expression is.
func TestCutExpression(t *testing.T) {
	want := regexp.MustCompile(`\$\{\{([^}]*)\}\}`)
	texts := []string{
		"", "${{", "}}", "${{}}", "${{ a } }}", "${{ ${{ a }}", "${{ a } ${{ b }}", "$${{ a }}}", "a ${{ b }} c ${{ d }}",
		"${{ a\n}}", "${{ \xff }}",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString([]string{"$", "{", "}", "${{", "}}", " ", "a", "\n"}[random.IntN(8)])
		}
		texts = append(texts, b.String())
	}
	for _, text := range texts {
		var found [][2]string
		var whole strings.Builder
		rest := text
		for {
			before, expression, after := cutExpression(rest)
			whole.WriteString(before + expression)
			if rest = after; expression == "" {
				break
			}
			found = append(found, [2]string{expression, expressionBody(expression)})
		}
		if whole.String() != text {
			t.Errorf("%q became %q", text, whole.String())
		}
		matches := want.FindAllStringSubmatch(text, -1)
		if len(matches) != len(found) {
			t.Errorf("%q: found %q, want %q", text, found, matches)
			continue
		}
		for i, m := range matches {
			if found[i] != [2]string{m[0], strings.TrimSpace(m[1])} {
				t.Errorf("%q: found %q, want %q", text, found[i], m)
			}
		}
	}
}
