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
	domain := []string{"internal/ci", "internal/failpoint"}
	with := func(more ...string) []string { return append(slices.Clone(domain), more...) }
	return map[string][]string{
		// Public packages.
		"webhook":  nil,
		"pipeline": {"internal/runner"},

		// Packages that everybody may know.
		"internal/ci":        nil,
		"internal/failpoint": nil,
		"internal/runner":    nil,
		"internal/threads":   nil,
		"internal/dial":      nil,

		// Each of these knows the domain, and not its neighbours.
		"internal/decide":   domain,
		"internal/doctor":   domain,
		"internal/github":   domain,
		"internal/heal":     domain,
		"internal/metrics":  domain,
		"internal/queue":    domain,
		"internal/terminal": domain,
		"internal/wire":     domain,
		"internal/api":      with("internal/loghttp", "internal/wire"),
		"internal/flow":     with("internal/decide", "pipeline"),
		"internal/inbox":    with("internal/decide", "internal/store", "webhook"),
		"internal/kube":     with("internal/dial", "internal/runner"),
		"internal/leader":   with("internal/kube", "internal/store"),
		"internal/loghttp":  domain,
		"internal/logs":     with("internal/logscan", "internal/runner"),
		"internal/logscan":  with("internal/runner"),
		"internal/registry": with("internal/dial"),
		"internal/report":   with("internal/logscan"),
		"internal/setup":    with("internal/config", "internal/github", "internal/httpserver"),
		"internal/store":    with("internal/decide", "internal/dial"),
		"internal/watch":    with("internal/runner"),
		"internal/web":      with("internal/loghttp", "internal/logscan"),
		"internal/exec": {
			"internal/ci",
			"internal/kube",
			"internal/runner",
			"internal/terminal",
			"internal/watch",
			"pipeline",
		},

		// Packages without the domain.
		"internal/client":     nil,
		"internal/config":     {"pipeline"},
		"internal/httpserver": nil,
		"internal/redact":     nil,

		// Everything meets here.
		"internal/admin": with(
			"internal/config",
			"internal/doctor",
			"internal/exec",
			"internal/flow",
			"internal/kube",
			"internal/logs",
			"internal/registry",
			"internal/runner",
			"internal/setup",
			"internal/store",
			"internal/terminal",
			"internal/threads",
			"pipeline",
		),
		"internal/server": with(
			"internal/admin",
			"internal/api",
			"internal/config",
			"internal/decide",
			"internal/flow",
			"internal/github",
			"internal/heal",
			"internal/httpserver",
			"internal/inbox",
			"internal/kube",
			"internal/leader",
			"internal/logs",
			"internal/metrics",
			"internal/queue",
			"internal/redact",
			"internal/registry",
			"internal/report",
			"internal/setup",
			"internal/store",
			"internal/watch",
			"internal/web",
			"pipeline",
			"webhook",
		),

		// Programs.
		"cmd/yaci": {
			"internal/admin",
			"internal/ci",
			"internal/client",
			"internal/config",
			"internal/doctor",
			"internal/logscan",
			"internal/runner",
			"internal/server",
			"internal/terminal",
			"internal/wire",
			"pipeline",
		},
		"cmd/yaci-step": {"internal/runner", "internal/threads"},

		// Tests.
		"internal/arch":              nil,
		"internal/bench":             nil,
		"internal/chaos":             nil,
		"internal/citest":            nil,
		"internal/citest/citesttest": {"internal/citest"},
		"internal/citest/demo":       {"internal/citest"},
		"internal/citest/hostile":    nil,
		"internal/e2e":               {"internal/citest", "internal/citest/citesttest"},
		"internal/faultproxy":        nil,
		"internal/store/pgtest":      nil,
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
	standardLibraryOnly := []string{"internal/ci", "internal/runner", "internal/threads", "cmd/yaci-step"}
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
				t.Errorf("%s imports %s: neighbours meet in internal/server and internal/admin only", s.path, rel)
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
