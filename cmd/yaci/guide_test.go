package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Commands, flags, settings and files that the readme and the operator's guide name are there.
func TestGuide(t *testing.T) {
	k, err := kong.New(&commands{}, kong.Name("yaci"))
	if err != nil {
		t.Fatal(err)
	}
	flags, settings := map[string][]string{}, map[string]bool{}
	for _, leaf := range k.Model.Leaves(false) {
		path := strings.TrimPrefix(leaf.FullPath(), "yaci ")
		flags[path] = []string{"help"}
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				flags[path] = append(flags[path], f.Name)
				for _, env := range f.Envs {
					settings[env] = true
				}
			}
		}
	}
	sources, err := filepath.Glob("../../pipeline/*.go") // they give the variables of steps
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		given, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`"(YACI_[A-Z_]+)"`).FindAllStringSubmatch(string(given), -1) {
			settings[name[1]] = true
		}
	}
	for _, guide := range []string{"README.md", "deploy/README.md"} {
		t.Run(guide, func(t *testing.T) { namesWhatIsThere(t, guide, flags, settings) })
	}
}

func namesWhatIsThere(t *testing.T, guide string, flags map[string][]string, settings map[string]bool) {
	text, err := os.ReadFile("../../" + guide)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`YACI_[A-Z_]+[A-Z]`).FindAllString(string(text), -1)
	for _, name := range named {
		if !settings[name] {
			t.Errorf("there is no setting %s", name)
		}
	}
	calls := regexp.MustCompile("(?m)(?:`|-- )yaci ([a-z][^`\n]*)").FindAllStringSubmatch(string(text), -1)
	for _, call := range calls {
		words := strings.Fields(call[1])
		path := words[0]
		if len(words) > 1 && flags[path] == nil {
			path += " " + words[1]
		}
		if flags[path] == nil {
			t.Errorf("there is no command yaci %s", path)
			continue
		}
		for _, w := range words {
			flag, ok := strings.CutPrefix(w, "--")
			if ok && flag != "" && !slices.Contains(flags[path], flag) {
				t.Errorf("yaci %s has no flag --%s", path, flag)
			}
		}
	}
	if len(named) < 30 || len(calls) < 10 {
		t.Errorf("%d settings and %d commands were found: the patterns see too little", len(named), len(calls))
	}
	for _, file := range regexp.MustCompile("`(deploy/[a-z/.]+)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../../" + file[1]); err != nil {
			t.Error(err)
		}
	}
}
