package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completion prints what a shell needs to complete commands and flags.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help has examples.
func (completion) Help() string {
	return `Examples:
  source <(yaci completion bash)
  source <(yaci completion zsh)
  yaci completion fish | source`
}

// Run prints the script, which asks yaci complete.
func (c completion) Run(out output) error {
	script := map[string]string{
		"bash": `_yaci() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(yaci complete -- "${COMP_WORDS[@]:1:COMP_CWORD}")" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _yaci yaci
`,
		"zsh": `_yaci() {
  local -a found
  found=("${(@f)$(yaci complete -- "${(@)words[2,CURRENT]}")}")
  [[ -n $found ]] && compadd -- $found || _files
}
compdef _yaci yaci
`,
		"fish": `complete -c yaci -a '(yaci complete -- (commandline -opc)[2..] (commandline -ct))'
`,
	}[c.Shell]
	_, err := fmt.Fprint(out.stdout, script)
	return err
}

// complete lists how the last of some words may go on.
type complete struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints one a line.
func (c complete) Run(k *kong.Kong, out output) error {
	words := slices.Clone(c.Words)
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	last := ""
	if len(words) > 0 {
		words, last = words[:len(words)-1], words[len(words)-1]
	}
	for _, s := range candidates(k.Model.Node, words) {
		if strings.HasPrefix(s, last) {
			if _, err := fmt.Fprintln(out.stdout, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// candidates are the commands, flags and values that may follow some words.
func candidates(at *kong.Node, words []string) (list []string) {
	var value *kong.Flag // whose value comes next
	for _, w := range words {
		if value != nil {
			value = nil
			continue
		}
		name, ok := strings.CutPrefix(w, "--")
		if ok && !strings.Contains(name, "=") {
			f := flagOf(at, name)
			if f != nil && !f.IsBool() {
				value = f
			}
			continue
		}
		for _, child := range at.Children {
			if child.Name == w {
				at = child
				break
			}
		}
	}
	if value != nil {
		return valuesOf(value.Value)
	}
	for _, child := range at.Children {
		if !child.Hidden {
			list = append(list, child.Name)
		}
	}
	for _, p := range at.Positional {
		list = append(list, valuesOf(p)...)
	}
	for _, group := range at.AllFlags(true) {
		for _, f := range group {
			list = append(list, "--"+f.Name)
		}
	}
	slices.Sort(list)
	return list
}

func flagOf(at *kong.Node, name string) *kong.Flag {
	for _, group := range at.AllFlags(true) {
		for _, f := range group {
			if f.Name == name {
				return f
			}
		}
	}
	return nil
}

func valuesOf(v *kong.Value) (list []string) {
	for _, s := range v.EnumSlice() {
		if s != "" {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}
