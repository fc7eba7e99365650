package exec

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTake(t *testing.T) {
	dir := t.TempDir()
	do := func(in string, args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	do("", "init", "-q", "-b", "topic")
	write(".gitignore", "*.o\n", 0o644)
	write("committed", "old", 0o644)
	write("deleted", "x", 0o644)
	do("", "add", ".")
	do("", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")
	write("committed", "new", 0o644)
	write("untracked", "u", 0o755)
	write("ignored.o", "o", 0o644)
	if err := os.Remove(filepath.Join(dir, "deleted")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := do("", "status", "--porcelain") + do("", "count-objects")
	s, err := TakeSnapshot(t.Context(), filepath.Join(dir, "sub"))
	if err != nil {
		t.Fatal(err)
	}
	if after := do("", "status", "--porcelain") + do("", "count-objects"); after != before {
		t.Errorf("the repository was %q and is %q", before, after)
	}
	if s.Branch != "topic" || s.Bytes == 0 {
		t.Errorf("%+v", s)
	}
	pack, err := os.ReadFile(s.Pack)
	if err != nil {
		t.Fatal(err)
	}
	do(string(pack), "index-pack", "--stdin")
	want := "100644 .gitignore 100644 committed 100755 untracked"
	if got := strings.Join(
		strings.Fields(do("", "ls-tree", "--format=%(objectmode) %(path)", s.Commit)),
		" ",
	); got != want {
		t.Errorf("the pack has %q, want %q", got, want)
	}
	if got := do("", "show", s.Commit+":committed"); got != "new" {
		t.Errorf("committed is %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", s.dir, err)
	}
	_, err = TakeSnapshot(t.Context(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "not a git working tree") {
		t.Errorf("outside: %v", err)
	}
}
