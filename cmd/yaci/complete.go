package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completion prints a script that lets a shell complete commands and flags.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help returns examples.
func (completion) Help() string {
	return `Examples:
  source <(yaci completion bash)
  source <(yaci completion zsh)
  yaci completion fish | source`
}

// Run prints the script, which calls yaci complete.
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

// complete lists how the last of some words can continue.
type complete struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints one candidate per line.
func (c complete) Run(k *kong.Kong, out output) error {
	words := slices.Clone(c.Words)
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	last := ""
	if n := len(words); n > 0 {
		last = words[n-1]
		words = words[:n-1]
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

// candidates returns the commands, flags and values that can follow some words.
func candidates(at *kong.Node, words []string) (list []string) {
	var pending *kong.Flag // the flag whose value comes next
	for _, w := range words {
		if pending != nil {
			pending = nil
			continue
		}
		name, isFlag := strings.CutPrefix(w, "--")
		if isFlag && !strings.Contains(name, "=") {
			f := flagOf(at, name)
			if f != nil && !f.IsBool() {
				pending = f
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
	if pending != nil {
		return valuesOf(pending.Value)
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

// flagOf returns the flag of a command with a name, or nil.
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

// valuesOf returns the values that an argument or flag accepts; nil if it accepts any.
func valuesOf(v *kong.Value) (list []string) {
	for _, s := range v.EnumSlice() {
		if s != "" {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}
