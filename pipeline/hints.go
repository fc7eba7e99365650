package pipeline

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// unknownKey explains a key that is not known in a place, and returns the known key
// that was meant, or "".
func (d *decoder) unknownKey(key, value *yaml.Node, place string, known []string) (meant string) {
	if f, ok := foreignKey(key.Value, place); ok {
		d.problem(key, "unknown key %q in %s: %s", key.Value, place, f.advice)
		return f.means
	}
	if place == "a step" && strings.ContainsAny(key.Value, " \"'$|&;(") {
		whole := key.Value + ": "
		if value.Kind == yaml.ScalarNode {
			whole += value.Value
		}
		d.problem(
			key,
			"this line is read as a key and its value, because of the colon in it; put it in quotes: %s; or write run: | and the command below it",
			singleQuoted(clipTo(strings.TrimSpace(whole), 60)),
		)
		return "run"
	}
	if place == "on" && strings.ContainsAny(key.Value, ", ") {
		d.problem(key, "unknown key %q in on; several events are a list, like on: [push, pull_request]", key.Value)
		return ""
	}
	d.problem(key, "unknown key %q in %s%s", key.Value, place, suggestion(key.Value, known))
	return closest(key.Value, known)
}

// scriptProblems finds in a script what YAML or the shell would silently read
// otherwise than its author: it is judged by how it is written in the file.
func (d *decoder) scriptProblems(n *yaml.Node) {
	if n.Style != 0 || d.source == nil {
		return
	}
	rest := d.source.from(n)
	if n.Anchor != "" {
		rest = strings.TrimLeft(strings.TrimPrefix(rest, "&"+n.Anchor), " \t")
	}
	if rest == "" { // the text begins on another line than its anchor
		return
	}
	if !strings.HasPrefix(rest, n.Value) {
		d.problem(n, "this command goes on in the next line, and YAML joins the lines into one; "+
			"write run: | for several commands, or put >- before a command over several lines")
		return
	}
	comment := strings.TrimLeft(rest[len(n.Value):], " \t")
	if strings.HasPrefix(comment, "#") && openQuote(n.Value) {
		d.problem(
			n,
			"a comment begins inside the quotes of this command: YAML drops all that follows the space and #; put the whole line in quotes, or write run: |",
		)
	}
}

// openQuote reports whether a line of shell ends inside of quotes.
func openQuote(s string) bool {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case b == '\\' && quote != '\'':
			i++
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case b == quote:
			quote = 0
		}
	}
	return quote != 0
}

// program refuses a first word of a list with a space in it: a list is one program with its arguments.
func (d *decoder) program(n *yaml.Node, words []string, what string) {
	if len(words) == 0 || !strings.ContainsAny(words[0], " \t\n") {
		return
	}
	at := n.Content[0]
	if what == "run" {
		d.problem(at, "run as a list is one program and its arguments, and no program is called %q; "+
			"did you mean a script of %d lines? Write run: | and the commands below it, without dashes", words[0], len(words))
		return
	}
	d.problem(
		at,
		"%s is one program and its arguments, and no program is called %q; write each word as a value of its own, or sh, -c and a script",
		what,
		words[0],
	)
}

// shebang refuses a first line #! that names another program than the shell that
// the script is run by: nothing reads that line.
func (d *decoder) shebang(s *Step) {
	line, _, _ := strings.Cut(s.Run.Script, "\n")
	interpreter, ok := strings.CutPrefix(line, "#!")
	if !ok || len(s.Shell) == 0 {
		return
	}
	words := strings.Fields(interpreter[:min(len(interpreter), maxQuotedBytes)])
	for len(words) > 0 && (path.Base(words[0]) == "env" || words[0] == "-S") {
		words = words[1:]
	}
	if len(words) == 0 {
		return
	}
	words[0] = path.Base(words[0])
	shell := path.Base(s.Shell[0])
	if words[0] == shell ||
		words[0] == "sh" && slices.Contains([]string{"bash", "dash", "ash", "ksh", "zsh", "busybox"}, shell) {
		return
	}
	write := "[" + strings.Join(words, ", ") + "]"
	if words[0] == "bash" {
		write = "bash"
	}
	d.problem(
		s.at("run"),
		"the line %q has no effect: the script is run by %s; write shell: %s on the step",
		line,
		shell,
		clipTo(write, maxQuotedBytes),
	)
}

// noSpace matches a step that was meant to be a mapping.
var noSpace = regexp.MustCompile(`^(name|run|image|shell|env|timeout|needs|when|secrets|retry|user|args):\S`)

// hintFor is what a value of the wrong kind was probably meant to be, beginning with "; ", or "".
func hintFor(n *yaml.Node, what string) string {
	named := func(key string) string {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key && n.Content[i+1].Kind == yaml.ScalarNode {
				return n.Content[i+1].Value
			}
		}
		return ""
	}
	switch {
	case what == "image" && n.Kind == yaml.MappingNode && named("name") != "":
		return "; write image: " + clipTo(named("name"), 80)
	case what == "steps" && n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		return "; write a dash before each command"
	case what == "steps" && n.Kind == yaml.MappingNode:
		return "; write a dash before each step, like - run: make"
	case what == "services" && n.Kind == yaml.MappingNode && len(n.Content) > 0:
		return "; write a dash and the name, like - name: " + clipTo(n.Content[0].Value, 80)
	case what == "jobs" && n.Kind == yaml.SequenceNode:
		return "; write the name of each job as a key, like test: {steps: [make test]}"
	case what == "env" && n.Kind == yaml.SequenceNode:
		return "; write NAME: value, without dashes"
	case (what == "push" || what == "pull_request") && n.Kind != yaml.MappingNode:
		return fmt.Sprintf("; write %s: {branches: [main]}", what)
	case what == "a step" && n.Kind == yaml.SequenceNode:
		return "; write each command as a step of its own, or as a line of a script: run: |"
	case what == "matrix":
		return "; write matrix: {NAME: [values]}"
	}
	return ""
}

// yesNo is what a word that is no true or false was probably meant to be.
func yesNo(n *yaml.Node) string {
	switch strings.ToLower(n.Value) {
	case "yes", "y", "on", "true", "1":
		return "; write true"
	case "no", "n", "off", "false", "0":
		return "; write false"
	}
	return ""
}

// valueOf finds the value in a line: behind its dashes and its key.
var valueOf = regexp.MustCompile(`^\s*(?:- +)*(?:[A-Za-z_][A-Za-z0-9_-]*: +)?(.*)$`)

// syntaxHint explains an error of yaml.v3 by the lines around it, in which it is at most one line off.
func syntaxHint(lines [][]byte, line int, text string) (at int, hint string) {
	for _, n := range []int{line, line - 1, line + 1} {
		if n < 1 || n > len(lines) {
			continue
		}
		value := valueOf.FindSubmatch(lines[n-1])[1]
		value = bytes.TrimSpace(value)
		if len(value) == 0 || value[0] == '#' {
			continue
		}
		if strings.Contains(text, "end of stream") && (value[0] == '"' || value[0] == '\'') {
			return n, fmt.Sprintf("the quote %c that begins here is not closed", value[0])
		}
		closed := len(value) > 1 && bytes.IndexByte(value[1:], value[0])+1 == len(value)-1
		switch first := value[0]; {
		case first == '*' && (strings.Contains(text, "alphabetic") || strings.Contains(text, "whitespace") || strings.Contains(text, "anchor")):
			return n, "a value that begins with * must be in quotes, like '*.go'"
		case first == '@' || first == '`' || first == '%':
			return n, fmt.Sprintf("a value that begins with %c must be in quotes", first)
		case first == '&' || first == '!' && strings.Contains(text, "whitespace"):
			return n, fmt.Sprintf("a value that begins with %c must be in quotes", first)
		case (first == '"' || first == '\'') && !closed:
			return n, fmt.Sprintf(
				"a value that begins with %c ends at the next one; put the whole value in other quotes, or write run: | and the text below it",
				first,
			)
		case (first == '[' || first == '{') && value[len(value)-1] != ']' && value[len(value)-1] != '}' && value[len(value)-1] != ',':
			return n, fmt.Sprintf(
				"a value that begins with %c is a list or a mapping; put a command in quotes, or write run: | and the command below it",
				first,
			)
		case (first == '|' || first == '>') && len(value) > 3:
			return n, fmt.Sprintf("a value that begins with %c is text of several lines; put a command in quotes", first)
		case strings.Contains(text, "mapping values") && bytes.Contains(value, []byte(": ")):
			return n, "a colon and a space make a key and its value; put the whole value in quotes, or write run: | and the text below it"
		}
	}
	return line, ""
}
