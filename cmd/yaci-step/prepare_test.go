package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpack(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit("a file", "one")
	o.run(o.work, "checkout", "-q", "--orphan", "alone") // without history, as yaci exec makes it
	o.run(o.work, "commit", "-q", "-m", "Alone")
	alone := o.run(o.work, "rev-parse", "HEAD")
	list := exec.Command("git", "pack-objects", "--revs", "--stdout", "-q")
	list.Dir, list.Stdin = o.work, strings.NewReader(alone+"\n")
	pack, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	paths := podPaths{workspace: filepath.Join(dir, "workspace"), bin: filepath.Join(dir, "bin")}
	for _, d := range []string{paths.workspace, paths.bin} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		sha  string
		pack []byte
		want string
	}{
		"no id":           {"--help", pack, "not a full commit id"},
		"cut short":       {alone, pack[:len(pack)-1], "git: "},
		"another's":       {sha, pack, "git: "},
		"what was packed": {alone, append(pack, "more"...), ""},
	} {
		err := unpack(paths, c.sha, bytes.NewReader(c.pack))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	got, err := os.ReadFile(filepath.Join(paths.workspace, "a file"))
	if err != nil || string(got) != "one" {
		t.Errorf("%q, %v", got, err)
	}
}
