package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/yaci-ci/yaci/"
)

// mayImport lists, for each package, which of YACI's own it may import.
func mayImport() map[string][]string {
	onlyNouns := []string{"internal/ci", "internal/failpoint"}
	all := []string{
		"internal/ci",
		"internal/runner",
		"internal/threads",
		"internal/failpoint",
		"internal/api",
		"internal/config",
		"internal/decide",
		"internal/doctor",
		"internal/exec",
		"internal/flow",
		"internal/github",
		"internal/heal",
		"internal/kube",
		"internal/loghttp",
		"internal/logs",
		"internal/logscan",
		"internal/metrics",
		"internal/queue",
		"internal/registry",
		"internal/report",
		"internal/setup",
		"internal/store",
		"internal/terminal",
		"internal/watch",
		"internal/web",
		"internal/wire",
		"pipeline",
		"webhook",
	}
	return map[string][]string{
		"webhook": nil, "pipeline": {"internal/runner"}, "internal/ci": nil, "internal/runner": nil, "internal/threads": nil, "internal/failpoint": nil, "internal/config": nil, "internal/client": nil, "internal/arch": nil, "internal/store/pgtest": nil, "cmd/yaci-step": {"internal/runner", "internal/threads"},
		"internal/dial": nil, "internal/faultproxy": nil,
		"internal/decide": onlyNouns, "internal/store": {"internal/ci", "internal/failpoint", "internal/dial", "internal/decide"}, "internal/github": onlyNouns, "internal/heal": onlyNouns, "internal/queue": onlyNouns,
		"internal/kube": {
			"internal/ci",
			"internal/failpoint",
			"internal/dial",
			"internal/runner",
		}, "internal/watch": {"internal/ci", "internal/failpoint", "internal/runner"}, "internal/report": {"internal/ci", "internal/failpoint", "internal/logscan"}, "internal/api": {"internal/ci", "internal/failpoint", "internal/loghttp", "internal/wire"}, "internal/wire": onlyNouns, "internal/doctor": onlyNouns, "internal/setup": onlyNouns, "internal/metrics": onlyNouns,
		"internal/logs":     {"internal/ci", "internal/failpoint", "internal/logscan", "internal/runner"},
		"internal/logscan":  {"internal/ci", "internal/runner"},
		"internal/loghttp":  {"internal/ci"},
		"internal/web":      {"internal/ci", "internal/failpoint", "internal/loghttp", "internal/logscan"},
		"internal/flow":     {"internal/ci", "internal/failpoint", "internal/decide", "pipeline"},
		"internal/terminal": onlyNouns, "internal/exec": {"internal/ci", "internal/kube", "internal/runner", "internal/terminal", "internal/watch", "pipeline"},
		"internal/registry": {"internal/ci", "internal/dial"},
		"internal/server":   all,
		"cmd/yaci": {
			"internal/ci",
			"internal/client",
			"internal/config",
			"internal/logscan",
			"internal/runner",
			"internal/server",
			"internal/terminal",
			"internal/wire",
			"pipeline",
		},
		"internal/citest": nil, "internal/citest/citesttest": {"internal/citest"},
		"internal/e2e":         {"internal/citest", "internal/citest/citesttest"},
		"internal/chaos":       nil,
		"internal/bench":       nil,
		"internal/citest/demo": {"internal/citest"}, "internal/citest/hostile": nil,
	}
}

// onlyIn names the packages that may know an outside one, and why.
func onlyIn() map[string]struct {
	in  []string
	why string
} {
	type rule = struct {
		in  []string
		why string
	}
	return map[string]rule{
		"github.com/google/go-github":            {[]string{"webhook", "internal/github"}, "GitHub's types stay at the edge"},
		"golang.org/x/oauth2":                    {[]string{"internal/github"}, "signing in is GitHub's"},
		"github.com/google/go-containerregistry": {[]string{"internal/registry"}, "registries are asked in one place"},
		"k8s.io/client-go": {
			[]string{"internal/kube", "internal/watch", "internal/e2e"},
			"the server reaches the cluster through two packages",
		},
		"modernc.org/sqlite": {[]string{"internal/store", "internal/e2e"}, "only the store knows its engine"},
		"github.com/jackc/pgx": {
			[]string{"internal/store", "internal/store/pgtest"},
			"only the store knows its engine",
		},
		"github.com/buildkite/terminal-to-html": {[]string{"internal/web"}, "terminals are drawn in one place"},
		"github.com/prometheus":                 {[]string{"internal/metrics"}, "metrics are named in one place"},
		"gocloud.dev":                           {[]string{"internal/logs"}, "only the log store knows where logs lie"},
		"gopkg.in/yaml.v3":                      {[]string{"pipeline"}, "only the language reads YAML"},
	}
}

type source struct {
	pkg  string
	path string
	file *ast.File
	size int
}

// sources are all Go files of the main module that are not tests.
func sources(t *testing.T) (list []source) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() && (rel == "deploy" || strings.HasPrefix(d.Name(), ".") && rel != ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		list = append(list, source{filepath.ToSlash(filepath.Dir(rel)), rel, f, fset.File(f.Pos()).LineCount()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestImports(t *testing.T) {
	allowed := mayImport()
	standardLibraryOnly := []string{
		"internal/ci",
		"internal/loghttp",
		"internal/logscan",
		"internal/runner",
		"internal/threads",
		"cmd/yaci-step",
	}
	for _, s := range sources(t) {
		own, known := allowed[s.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table: add it here and in ARCHITECTURE.md", s.path, s.pkg)
			continue
		}
		for _, imp := range s.file.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			rel, ok := strings.CutPrefix(name, module)
			if ok && !slices.Contains(own, rel) {
				t.Errorf("%s imports %s: neighbours meet in internal/server only", s.path, rel)
			}
			for outside, rule := range onlyIn() {
				if (name == outside || strings.HasPrefix(name, outside+"/")) && !slices.Contains(rule.in, s.pkg) {
					t.Errorf("%s imports %s: %s", s.path, name, rule.why)
				}
			}
			_, ofYACI := strings.CutPrefix(name, module)
			if slices.Contains(standardLibraryOnly, s.pkg) && strings.Contains(name, ".") && !ofYACI {
				t.Errorf("%s imports %s: this package uses the standard library only", s.path, name)
			}
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		documented[s.pkg] = documented[s.pkg] || s.file.Doc.Text() != ""
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment that says what it is for", pkg)
		}
	}
}

func TestShape(t *testing.T) {
	for _, s := range sources(t) {
		if s.size > 500 {
			t.Errorf("%s has %d lines; over 500 needs a reason", s.path, s.size)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s has an init(): say what happens where it happens", s.path)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING && strings.Contains(lit.Value, "failed to") &&
				s.pkg != "internal/citest" { // which repeats GitHub's own words
				t.Errorf("%s: %s: an error is a path, not a plea", s.path, lit.Value)
			}
			return true
		})
	}
}

// TestNounsHaveNoFormat: a struct tag in internal/ci would make a domain type a storage or wire format. Rows are
// written by the records of internal/store, JSON of the API by internal/wire.
func TestNounsHaveNoFormat(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg != "internal/ci" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if ok && field.Tag != nil {
				t.Errorf("%s: a field has the tag %s: records belong into internal/store, JSON of the API into internal/wire",
					s.path, field.Tag.Value)
			}
			return true
		})
	}
}
