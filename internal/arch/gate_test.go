package arch_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Every way to a Job passes decide.Gate. These are its steps, each with the only
// places that may take it: a new path that goes round the gate has to add itself here.
//
//	decide.Gate -> Permit -> internal/flow/gate.go -> store: rows of jobs -> queue -> kube: the Job

// within calls see for each call, with the function around it.
func within(s source, see func(function string, call *ast.CallExpr)) {
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				see(f.Name.Name, call)
			}
			return true
		})
	}
}

// called is the name of what a call calls.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func TestOneGate(t *testing.T) {
	allowed := map[string][]string{ // call: file function
		"CreateRun":      {"internal/flow/gate.go create"},
		"AddAttempt":     {"internal/flow/gate.go attempt"},
		"ApproveRun":     {"internal/flow/gate.go release"},
		"ReplaceAttempt": {"internal/flow/gate.go replaceAttempt"},
		"addJobs":        {"internal/store/runs.go beginAttempt"},
		"beginAttempt": {
			"internal/store/runs.go CreateRun",
			"internal/store/runs.go AddAttempt",
			"internal/store/approvals.go ApproveRun",
			"internal/store/approvals.go ReplaceAttempt",
		},
		"Launch": {"internal/queue/launch.go launch", "internal/server/lead.go Launch", // which asks before whether it leads
			"internal/server/probe.go run"}, // the doctor's own, of no repository
	}
	creators := []string{"internal/kube/launch.go", "internal/kube/local.go"}
	seen := map[string]bool{}
	for _, s := range sources(t) {
		checked := map[string]bool{}
		within(s, func(function string, call *ast.CallExpr) {
			name, place := called(call), s.path+" "+function
			if name == "permitted" {
				checked[function] = true
			}
			if places, ok := allowed[name]; ok {
				seen[name+" "+place] = true
				if !slices.Contains(places, place) {
					t.Errorf("%s calls %s: jobs come into being through internal/flow/gate.go only", place, name)
				}
				if s.path == "internal/flow/gate.go" && !checked[function] {
					t.Errorf("%s calls %s without having checked the permit", place, name)
				}
			}
			if name == "Create" && onJobs(call) && !slices.Contains(creators, s.path) {
				t.Errorf("%s creates a Job: only %v may", place, creators)
			}
		})
	}
	for name, places := range allowed {
		for _, place := range places {
			if !seen[name+" "+place] {
				t.Errorf("%s is not called by %s any more: correct this table", name, place)
			}
		}
	}
}

// onJobs reports whether a call is one on ...Jobs(...).
func onJobs(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	inner, ok := sel.X.(*ast.CallExpr)
	return ok && called(inner) == "Jobs"
}

func TestOnlyTheGateMakesPermits(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if strings.HasSuffix(typeName(n.Type), "Permit") && len(n.Elts) > 0 && (s.path != "internal/decide/gate.go" || !isFunc || f.Name.Name != "Gate") {
						t.Errorf("%s makes a permit: only decide.Gate may", s.path)
					}
				case *ast.AssignStmt:
					for _, to := range n.Lhs {
						sel, ok := to.(*ast.SelectorExpr)
						if ok && sel.Sel.Name == "granted" {
							t.Errorf("%s changes a permit", s.path)
						}
					}
				case *ast.BasicLit:
					if n.Kind == token.STRING && strings.Contains(n.Value, "INSERT INTO jobs ") && (!isFunc || f.Name.Name != "addJobs") {
						t.Errorf("%s writes jobs: that is for addJobs of internal/store", s.path)
					}
				}
				return true
			})
		}
	}
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}
