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

// unknownKey reports a key that is not known in a place. It returns the known key that was probably
// intended, or "".
func (d *decoder) unknownKey(key, value *yaml.Node, place string, known []string) (intended string) {
	if f, ok := findForeignKey(key.Value, place); ok {
		d.problem(key, "unknown key %q in %s: %s", key.Value, place, f.advice)
		return f.intended
	}
	if place == "a step" && strings.ContainsAny(key.Value, " \"'$|&;(") {
		whole := key.Value + ": "
		if value.Kind == yaml.ScalarNode {
			whole += value.Value
		}
		d.problem(key, "YAML reads this line as a key and its value, because of the colon. "+
			"Quote the line: %s; or write run: | and the command below it", singleQuoted(truncate(strings.TrimSpace(whole), 60)))
		return "run"
	}
	if place == "on" && strings.ContainsAny(key.Value, ", ") {
		d.problem(key, "unknown key %q in on. Write several events as a list: on: [push, pull_request]", key.Value)
		return ""
	}
	d.problem(key, "unknown key %q in %s%s", key.Value, place, suggestion(key.Value, known))
	return closest(key.Value, known)
}

// checkScript reports a plain YAML scalar that becomes another script than the one that is written.
func (d *decoder) checkScript(n *yaml.Node) {
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
		d.problem(n, "this command continues on the next line, and YAML joins the lines into one. "+
			"Write run: | for several commands, or >- before a command that spans several lines")
		return
	}
	comment := strings.TrimLeft(rest[len(n.Value):], " \t")
	if strings.HasPrefix(comment, "#") && endsInQuotes(n.Value) {
		d.problem(n, "a YAML comment begins inside the quotes of this command, and YAML drops it. "+
			"Quote the whole line, or write run: |")
	}
}

// endsInQuotes reports whether a line of shell ends inside quotes.
func endsInQuotes(s string) bool {
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

// checkProgram reports a list whose first item has a space in it: a list is one program with its
// arguments, not several commands.
func (d *decoder) checkProgram(n *yaml.Node, list []string, what string) {
	if len(list) == 0 || !strings.ContainsAny(list[0], " \t\n") {
		return
	}
	at := n.Content[0]
	if what == "run" {
		d.problem(at, "run as a list is one program and its arguments, and no program is named %q. "+
			"For a script of %d lines, write run: | and the commands below it, without dashes", list[0], len(list))
		return
	}
	d.problem(at, "%s is one program and its arguments, and no program is named %q. "+
		"Write each word as an item, or sh, -c and a script", what, list[0])
}

// checkShebang reports a #! line that names another program than the shell that runs the script.
// Nothing reads that line.
func (d *decoder) checkShebang(s *Step) {
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
	isShell := slices.Contains([]string{"bash", "dash", "ash", "ksh", "zsh", "busybox"}, shell)
	if words[0] == shell || words[0] == "sh" && isShell {
		return
	}

	advice := "[" + strings.Join(words, ", ") + "]"
	if words[0] == "bash" {
		advice = "bash"
	}
	d.problem(s.at("run"), "the line %q has no effect, because %s runs the script. Write shell: %s on the step",
		line, shell, truncate(advice, maxQuotedBytes))
}

// missingSpace matches a step that was meant to be a mapping.
var missingSpace = regexp.MustCompile(`^(name|run|image|shell|env|timeout|needs|when|secrets|retry|user|args):\S`)

// hintFor returns what to write instead of a value of the wrong kind, as a sentence with the end of
// the previous one before it; or "".
func hintFor(n *yaml.Node, what string) string {
	isScalar := n.Kind == yaml.ScalarNode
	isMapping := n.Kind == yaml.MappingNode
	isList := n.Kind == yaml.SequenceNode
	switch {
	case what == "image" && isMapping && scalarAt(n, "name") != "":
		return ". Write image: " + truncate(scalarAt(n, "name"), 80)
	case what == "steps" && isScalar && n.Tag == "!!str":
		return ". Write a dash before each command"
	case what == "steps" && isMapping:
		return ". Write a dash before each step, for example - run: make"
	case what == "services" && isMapping && len(n.Content) > 0:
		return ". Write a dash and the name, for example - name: " + truncate(n.Content[0].Value, 80)
	case what == "jobs" && isList:
		return ". Write the name of each job as a key, for example test: {steps: [make test]}"
	case what == "env" && isList:
		return ". Write NAME: value, without dashes"
	case (what == "push" || what == "pull_request") && !isMapping:
		return fmt.Sprintf(". Write %s: {branches: [main]}", what)
	case what == "a step" && isList:
		return ". Write each command as its own step, or as a line of a script: run: |"
	case what == "matrix":
		return ". Write matrix: {NAME: [values]}"
	}
	return ""
}

// scalarAt returns the scalar under a key of a mapping, or "".
func scalarAt(n *yaml.Node, key string) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// quoteHint returns how to write a scalar as a string, in the form of hintFor.
func quoteHint(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return fmt.Sprintf(". Write %q in quotes", n.Value)
	}
	return ""
}

// boolHint returns which boolean a word probably means, in the form of hintFor.
func boolHint(n *yaml.Node) string {
	switch strings.ToLower(n.Value) {
	case "yes", "y", "on", "true", "1":
		return ". Write true"
	case "no", "n", "off", "false", "0":
		return ". Write false"
	}
	return ""
}

// lineValue matches a line, with the value after its dashes and its key as a submatch.
var lineValue = regexp.MustCompile(`^\s*(?:- +)*(?:[A-Za-z_][A-Za-z0-9_-]*: +)?(.*)$`)

// syntaxHint explains an error of yaml.v3, whose line number can be one too low or too high. hint is ""
// if no nearby line explains the error.
func syntaxHint(lines [][]byte, line int, text string) (hintLine int, hint string) {
	for _, number := range []int{line, line - 1, line + 1} {
		if number < 1 || number > len(lines) {
			continue
		}
		value := bytes.TrimSpace(lineValue.FindSubmatch(lines[number-1])[1])
		if len(value) == 0 || value[0] == '#' {
			continue
		}
		if hint := valueHint(value, text); hint != "" {
			return number, hint
		}
	}
	return line, ""
}

// valueHint explains an error of yaml.v3 by the value of the line, or returns "".
func valueHint(value []byte, text string) string {
	first := value[0]
	last := value[len(value)-1]
	isQuote := first == '"' || first == '\''
	if strings.Contains(text, "end of stream") && isQuote {
		return fmt.Sprintf("the quote %c that begins here is not closed", first)
	}

	closed := len(value) > 1 && bytes.IndexByte(value[1:], first)+1 == len(value)-1
	aliasError := strings.Contains(text, "alphabetic") || strings.Contains(text, "whitespace") ||
		strings.Contains(text, "anchor")
	switch {
	case first == '*' && aliasError:
		return "a value that begins with * must be in quotes, for example '*.go'"
	case first == '@' || first == '`' || first == '%':
		return fmt.Sprintf("a value that begins with %c must be in quotes", first)
	case first == '&' || first == '!' && strings.Contains(text, "whitespace"):
		return fmt.Sprintf("a value that begins with %c must be in quotes", first)
	case isQuote && !closed:
		return fmt.Sprintf("a value that begins with %c ends at the next one. "+
			"Use other quotes around the whole value, or write run: | and the text below it", first)
	case (first == '[' || first == '{') && last != ']' && last != '}' && last != ',':
		return fmt.Sprintf("a value that begins with %c is a list or a mapping. "+
			"Quote a command, or write run: | and the command below it", first)
	case (first == '|' || first == '>') && len(value) > 3:
		return fmt.Sprintf("a value that begins with %c is a block of text. Quote a command", first)
	case strings.Contains(text, "mapping values") && bytes.Contains(value, []byte(": ")):
		return "a colon and a space separate a key from its value. " +
			"Quote the whole value, or write run: | and the text below it"
	}
	return ""
}

// suggestion asks whether the known word closest to a misspelled one was meant. It returns "" if none
// is close.
func suggestion(word string, known []string) string {
	best := closest(word, known)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(". Did you mean %q?", best)
}

// closest returns the known word closest to a misspelled one, or "" if none is close.
func closest(word string, known []string) string {
	best := ""
	distance := max(1, min(len(word)/3, 3)) + 1
	for _, k := range known {
		d := editDistance(word, k)
		if len(word) > 2 && strings.HasPrefix(k, word) {
			d = min(d, 1)
		}
		if d < distance && d < len(k) || d == distance && best != "" && k < best {
			best = k
			distance = d
		}
	}
	return best
}

// editDistance returns the number of letters to insert, delete, replace or swap: the optimal string
// alignment distance (https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance). It returns
// 41 for longer words.
func editDistance(a, b string) int {
	const longest = 40
	if len(a) > longest || len(b) > longest {
		return longest + 1
	}
	var d [longest + 1][longest + 1]int
	for i := range d {
		d[i][0] = i
		d[0][i] = i
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
