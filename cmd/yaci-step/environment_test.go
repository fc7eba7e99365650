package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// C5: a HOME that cannot be used is replaced, another stays.
func TestC5Home(t *testing.T) {
	homes, good := t.TempDir(), t.TempDir()
	file := filepath.Join(good, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		home     string
		own      bool
		replaced bool
	}{
		{"", false, true}, {"/", false, true}, {"//", false, true}, {"/nonexistent", false, true}, {file, false, true},
		{"relative", false, true}, {good, false, false}, {"/nonexistent", true, false},
	} {
		t.Setenv("HOME", c.home)
		t.Setenv("USER", "")
		t.Setenv("LOGNAME", "somebody")
		if err := setHome(homes, c.own); err != nil {
			t.Fatal(err)
		}
		got := os.Getenv("HOME")
		if (got != c.home) != c.replaced || c.replaced && !strings.HasPrefix(got, homes+"/") {
			t.Errorf("HOME=%q (of the file: %v) became %q", c.home, c.own, got)
		}
		if os.Getenv("USER") == "" || os.Getenv("LOGNAME") != "somebody" {
			t.Errorf("USER=%q LOGNAME=%q", os.Getenv("USER"), os.Getenv("LOGNAME"))
		}
	}
	first, err := createHome(homes, os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	again, err := createHome(homes, os.Geteuid())
	if err != nil || again != first {
		t.Errorf("another home for the next step: %s, %s", first, again)
	}
	info, err := os.Stat(first)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can read %s: %v", first, info.Mode())
	}
	taken, err := createHome(homes, 4711) // the directory is not that user's
	if err != nil || taken == filepath.Join(homes, "4711") {
		t.Errorf("a home that another user made: %s, %v", taken, err)
	}
}

func TestC5UserName(t *testing.T) {
	passwd := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwd, []byte("root:x:0:0:root:/root:/bin/sh\nbroken\n"+
		"node:x:1000:1000::/home/node:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[int]string{0: "root", 1000: "node", 12345: "yaci"} {
		if got := userName(passwd, uid); got != want {
			t.Errorf("%d is %q, want %q", uid, got, want)
		}
	}
	if got := userName("/nonexistent", 0); got != "root" {
		t.Errorf("without a file root is %q", got)
	}
}
