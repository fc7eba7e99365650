package arch_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Every path to a Job passes decide.Gate:
//
//	decide.Gate -> decide.Permit -> internal/store: rows of jobs -> internal/queue -> internal/kube: the Job
//
// The compiler holds most of it: the methods of the store take a permit, and only package decide can set its fields.
// The tests here hold what it cannot. TestJobsNeedAPermit of internal/store shows that the store refuses jobs without a
// permit.

// eachCall calls see for each call in a file, with the function that contains it.
func eachCall(s source, see func(function string, call *ast.CallExpr)) {
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

// called returns the name of the function or method that a call calls.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

// TestJobsOnlyFromTheStore: Jobs are created by package kube, and launched by the queue alone, which reads them from
// the store. The doctor's probe belongs to no repository.
func TestJobsOnlyFromTheStore(t *testing.T) {
	launchers := []string{ // file and function
		"internal/queue/launch.go launch",
		"internal/server/adapters.go Launch", // for the queue: it first asks whether this server leads
		"internal/admin/probe.go launch",     // of the doctor
	}
	creators := []string{"internal/kube/launch.go", "internal/kube/local.go"}
	seen := map[string]bool{}
	for _, s := range sources(t) {
		eachCall(s, func(function string, call *ast.CallExpr) {
			place := s.path + " " + function
			switch name := called(call); {
			case name == "Launch":
				seen[place] = true
				if !slices.Contains(launchers, place) {
					t.Errorf("%s launches a Job: that is for internal/queue", place)
				}
			case name == "Create" && onJobs(call) && !slices.Contains(creators, s.path):
				t.Errorf("%s creates a Job: only %v may", place, creators)
			}
		})
	}
	for _, place := range launchers {
		if !seen[place] {
			t.Errorf("%s does not call Launch any more: correct this list", place)
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

// TestOneInsertOfJobs: no statement but that of addJobs, which checks the permit, adds rows to the table of jobs.
func TestOneInsertOfJobs(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				text, ok := n.(*ast.BasicLit)
				if !ok || text.Kind != token.STRING || !strings.Contains(text.Value, "INSERT INTO jobs ") {
					return true
				}
				if s.pkg != "internal/store" || !isFunc || f.Name.Name != "addJobs" {
					t.Errorf("%s adds jobs: that is for addJobs of internal/store", s.path)
				}
				return true
			})
		}
	}
}

// TestOnlyTheGateGrantsPermits: within package decide, where the compiler allows it, no function but Gate makes a
// permit or changes one.
func TestOnlyTheGateGrantsPermits(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg != "internal/decide" {
			continue
		}
		for _, d := range s.file.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			if isFunc && f.Name.Name == "Gate" {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if name, ok := n.Type.(*ast.Ident); ok && name.Name == "Permit" && len(n.Elts) > 0 {
						t.Errorf("%s makes a permit: only Gate may", s.path)
					}
				case *ast.AssignStmt:
					for _, target := range n.Lhs {
						if sel, ok := target.(*ast.SelectorExpr); ok && sel.Sel.Name == "granted" {
							t.Errorf("%s changes a permit", s.path)
						}
					}
				}
				return true
			})
		}
	}
}
