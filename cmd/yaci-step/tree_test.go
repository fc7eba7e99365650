package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asUser runs a function of this test binary as another user; TestMain dispatches it.
func asUser(t *testing.T, uid int, name, dir string) error {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	self := filepath.Join(openTemp(t), "yaci-step.test") // the build's directory is closed to others
	if err := copyFile(os.Args[0], self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "YACI_STEP_TEST_TREE="+name, "YACI_STEP_TEST_DIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// treeFunctions are what asUser can run.
func treeFunctions() map[string]func(dir string) error {
	return map[string]func(dir string) error{
		"copy":  copyTree,
		"share": func(dir string) error { return shareTree(dir, os.Geteuid()) },
	}
}

// openTemp is a temporary directory that every user can enter.
func openTemp(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// workspaceOf makes a repository with some files as the clone container leaves
// it: another user's, with git's modes and open directories.
func workspaceOf(t testing.TB, files int) string {
	t.Helper()
	dir := filepath.Join(openTemp(t), "tree")
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(
			os.Environ(),
			"GIT_AUTHOR_NAME=a",
			"GIT_AUTHOR_EMAIL=a@b",
			"GIT_COMMITTER_NAME=a",
			"GIT_COMMITTER_EMAIL=a@b",
		)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "deep", "er"), 0o755); err != nil {
		t.Fatal(err)
	}
	git("init", "-q", "-b", "main")
	for i := range files {
		name := filepath.Join(dir, fmt.Sprintf("dir%d", i/100), fmt.Sprintf("file%d", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(strings.Repeat(name, 40)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]fs.FileMode{"README": 0o644, "gradlew": 0o755, "deep/er/x": 0o644, "objects": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "outside")); err != nil {
		t.Fatal(err)
	}
	git("add", ".")
	git("commit", "-q", "-m", "First")
	git("config", "core.checkStat", "minimal")
	git("config", "core.trustctime", "false")
	if os.Geteuid() == 0 {
		if err := chownTree(dir, cloneUser, cloneUser, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := openDirectories(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

const cloneUser = 65532

// check holds a workspace against git's modes, an owner, and git's own opinion.
func checkWorkspace(t *testing.T, dir string, uid int) {
	t.Helper()
	for name, want := range map[string]fs.FileMode{"README": 0o644, "gradlew": 0o755, "deep": 0o755, "deep/er": 0o755, ".git": 0o755, ".git/HEAD": 0o644, ".git/config": 0o644} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want || ownerOf(info) != uid {
			t.Errorf("%s has mode %v and belongs to %d; want %v and %d", name, info.Mode(), ownerOf(info), want, uid)
		}
	}
	target, err := os.Readlink(filepath.Join(dir, "outside"))
	if err != nil || target != "/etc" {
		t.Errorf("symlink: %q, %v", target, err)
	}
	info, err := os.Stat("/etc")
	if err != nil || ownerOf(info) != 0 || info.Mode().Perm() != 0o755 {
		t.Errorf("/etc was changed: %v", info.Mode())
	}
	for _, args := range [][]string{{"diff-index", "--quiet", "HEAD"}, {"fsck", "--strict"}, {"commit", "--quiet", "--allow-empty", "-m", "Second"}} {
		cmd := exec.Command(
			"git",
			append([]string{"-c", "safe.directory=*", "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nowhere"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("git %v as user %d: %v: %s", args, uid, err, out)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".yaci-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// C4: the workspace becomes root's, or another user's, with git's own modes.
func TestC4Adopt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := workspaceOf(t, 10)
	if err := chownTree(dir, 0, 0, true); err != nil {
		t.Fatal(err)
	}
	checkWorkspace(t, dir, 0)

	dir = workspaceOf(t, 10)
	if err := asUser(t, 1000, "copy", dir); err != nil {
		t.Fatal(err)
	}
	checkWorkspace(t, dir, 1000)
}

// C4: a user who cannot give files away opens them, with the modes' sense kept.
func TestC4Share(t *testing.T) {
	dir := workspaceOf(t, 1)
	if err := asUser(t, 1000, "copy", dir); err != nil {
		t.Fatal(err)
	}
	if err := asUser(t, 1000, "share", dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"README": 0o666, "gradlew": 0o777, "deep": 0o777, ".git/config": 0o666} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// C4: nothing outside of a hostile tree is touched, and nothing in it blocks.
func TestC4HostileTree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.MkdirAll(filepath.Join(outside, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(outside, filepath.Join(dir, "link")))
	must(os.Symlink(filepath.Join(outside, "sub"), filepath.Join(dir, ".git")))
	must(os.Symlink("loop", filepath.Join(dir, "loop")))
	must(os.Symlink("../../../../../../etc/passwd", filepath.Join(dir, "up")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(os.WriteFile(filepath.Join(dir, "-rf"), nil, 0o600))
	must(os.WriteFile(filepath.Join(dir, "new\nline"), nil, 0o600))
	deep, err := os.OpenRoot(dir)
	must(err)
	for range maxTreeDepth + 10 { // deeper than any path can name
		must(deep.Mkdir("d", 0o755))
		next, err := deep.OpenRoot("d")
		must(err)
		deep.Close()
		deep = next
	}
	deep.Close()
	t.Cleanup(func() { exec.Command("rm", "-rf", filepath.Join(dir, "d")).Run() })

	err = chownTree(dir, 1234, 1234, true)
	if err == nil || !strings.Contains(err.Error(), "nested more than") {
		t.Errorf("a tree that is too deep: %v", err)
	}
	if err := shareTree(dir, 1234); err == nil {
		t.Error("a tree that is too deep was shared without a word")
	}
	for _, path := range []string{outside, filepath.Join(outside, "sub"), "/etc/passwd"} {
		info, err := os.Stat(path)
		must(err)
		if ownerOf(info) != 0 || path != "/etc/passwd" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s was changed: %v, owner %d", path, info.Mode(), ownerOf(info))
		}
	}
	for _, name := range []string{"link", "fifo", "-rf", "new\nline", "d"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		must(err)
		if ownerOf(info) != 1234 {
			t.Errorf("%q belongs to %d", name, ownerOf(info))
		}
	}
}

// C4: a process that a step left behind exchanges directories for symlinks all
// the time, and still nothing outside changes.
func TestC4RacingTree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.MkdirAll(filepath.Join(outside, "f"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		name, away := filepath.Join(dir, "d"), filepath.Join(dir, "away")
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.MkdirAll(filepath.Join(name, "f"), 0o755)
			os.Rename(name, away)
			os.Symlink(outside, name)
			os.Remove(name)
			os.RemoveAll(away)
		}
	}()
	for range 300 {
		chownTree(dir, 1234, 1234, true) // errors are the race's
		shareTree(dir, 1234)
	}
	close(stop)
	<-done
	for _, path := range []string{outside, filepath.Join(outside, "f")} {
		info, err := os.Stat(path)
		if err != nil || ownerOf(info) != 0 || info.Mode().Perm() != 0o700 {
			t.Errorf("%s was changed: %v, owner %d", path, info.Mode(), ownerOf(info))
		}
	}
}

// BenchmarkAdopt says what a workspace of 10,000 files costs before the first command.
func BenchmarkAdopt(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("only root can give files away")
	}
	for name, adopt := range map[string]func(string) error{
		"root":  func(dir string) error { return chownTree(dir, 0, 0, true) },
		"other": copyTree,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				dir := workspaceOf(b, 10_000)
				b.StartTimer()
				if err := adopt(dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
