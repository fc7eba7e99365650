package arch_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is how long a line of Go may be, a tab counted as one column.
const maxColumns = 120

// looseLayout counts what directories still have that breaks the rules of TestLayout. No count may grow; one that
// has become smaller must be lowered here.
func looseLayout() map[string]int {
	return map[string]int{
		"cmd/yaci":                53,
		"cmd/yaci-step":           24,
		"deploy/check":            2,
		"deploy/local":            16,
		"internal/api":            2,
		"internal/arch":           4,
		"internal/bench":          14,
		"internal/chaos":          5,
		"internal/ci":             29,
		"internal/citest":         26,
		"internal/citest/demo":    1,
		"internal/citest/hostile": 2,
		"internal/client":         1,
		"internal/config":         55,
		"internal/decide":         35,
		"internal/dial":           2,
		"internal/doctor":         47,
		"internal/e2e":            57,
		"internal/flow":           55,
		"internal/github":         19,
		"internal/heal":           1,
		"internal/report":         2,
		"internal/server":         22,
		"internal/setup":          3,
		"internal/store":          36,
		"internal/store/pgtest":   1,
		"internal/terminal":       2,
		"internal/web":            62,
		"pipeline":                49,
		"webhook":                 13,
	}
}

// TestLayout holds the rules of layout that gofmt does not know: lines of at most 120 columns; no more than two
// targets where values are assigned in parallel; keyed fields of a struct one a line, if there are more than three of
// them, except for a row of a table that fits on its line; no assignment before a condition of several terms.
func TestLayout(t *testing.T) {
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		problems, err := layoutProblems(path)
		dir := filepath.ToSlash(filepath.Dir(rel))
		for _, p := range problems {
			found[dir] = append(found[dir], rel+":"+p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	loose := looseLayout()
	dirs := slices.Concat(slices.Collect(maps.Keys(found)), slices.Collect(maps.Keys(loose)))
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		switch cmp.Compare(len(found[dir]), loose[dir]) {
		case 1:
			t.Errorf("%s breaks the rules of layout %d times, and may %d times:\n%s",
				dir, len(found[dir]), loose[dir], strings.Join(found[dir], "\n"))
		case -1:
			t.Errorf("%s breaks the rules of layout %d times only: lower its count from %d in looseLayout",
				dir, len(found[dir]), loose[dir])
		}
	}
}

// layoutProblems returns a text with a line number for each place in a file that breaks a rule.
func layoutProblems(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var problems []string
	for i, line := range bytes.Split(data, []byte("\n")) {
		if columns := utf8.RuneCount(line); columns > maxColumns {
			problems = append(problems, fmt.Sprintf("%d: %d columns", i+1, columns))
		}
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, data, 0)
	if err != nil {
		return nil, err
	}
	line := func(n ast.Node) int { return fset.Position(n.Pos()).Line }
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if len(n.Lhs) > 2 && len(n.Rhs) > 1 {
				problems = append(problems, fmt.Sprintf("%d: %d values are assigned in parallel", line(n), len(n.Lhs)))
			}
		case *ast.IfStmt:
			if n.Init != nil && hasSeveralTerms(n.Cond) {
				problems = append(problems, fmt.Sprintf("%d: an assignment before a condition of several terms", line(n)))
			}
		case *ast.CompositeLit:
			if isCrowded(n, line) {
				problems = append(problems, fmt.Sprintf("%d: several of %d fields on one line", line(n), len(n.Elts)))
			}
		}
		return true
	})
	return problems, nil
}

func hasSeveralTerms(condition ast.Expr) bool {
	b, ok := condition.(*ast.BinaryExpr)
	return ok && (b.Op == token.LAND || b.Op == token.LOR)
}

// isCrowded reports whether a literal has more than three keyed fields, and two of them on one line. A row of a table
// has no type of its own, and may stay on one line.
func isCrowded(literal *ast.CompositeLit, line func(ast.Node) int) bool {
	lines := map[int]bool{}
	fields := 0
	for _, element := range literal.Elts {
		pair, keyed := element.(*ast.KeyValueExpr)
		if !keyed {
			return false
		}
		if _, named := pair.Key.(*ast.Ident); named {
			fields++
			lines[line(pair)] = true
		}
	}
	isRow := literal.Type == nil && len(lines) == 1
	return fields > 3 && len(lines) < fields && !isRow
}
