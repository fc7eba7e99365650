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

// TestGuide checks that the commands, flags, settings and files that the documentation names exist.
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
	guides := map[string]struct{ settings, commands int }{ // at least so many are found
		"README.md":              {2, 1},
		"deploy/README.md":       {30, 10},
		"pipeline/REFERENCE.md":  {15, 4},
		"cmd/yaci/README.md":     {0, 20},
		"internal/api/README.md": {1, 1},
	}
	for guide, least := range guides {
		t.Run(guide, func(t *testing.T) {
			named, calls := namesWhatIsThere(t, guide, flags, settings)
			if named < least.settings || calls < least.commands {
				t.Errorf("%d settings and %d commands were found: the patterns see too little", named, calls)
			}
		})
	}
}

// namesWhatIsThere returns how many settings and commands a guide names.
func namesWhatIsThere(
	t *testing.T,
	guide string,
	flags map[string][]string,
	settings map[string]bool,
) (named, commands int) {
	text, err := os.ReadFile("../../" + guide)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`YACI_[A-Z_]+[A-Z]`).FindAllString(string(text), -1)
	for _, name := range names {
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
	for _, file := range regexp.MustCompile("`(deploy/[a-z/.]+)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../../" + file[1]); err != nil {
			t.Error(err)
		}
	}
	return len(names), len(calls)
}
