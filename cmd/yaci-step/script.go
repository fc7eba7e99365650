package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/yaci-ci/yaci/internal/runner"
)

// maxShownScript is how many bytes of a script are printed.
const maxShownScript = 64 << 10

// printScript prints what the step is about to run, as the file has it: no variable
// is expanded. It is a group of log lines (runner.ScriptGroup).
func printScript(p runner.StepPlan, at layout, out *output) error {
	if p.Quiet {
		return nil
	}
	text := quoteArgs(p.Command)
	if p.Script != "" {
		data, err := os.ReadFile(filepath.Join(at.bin, p.Script))
		if err != nil {
			return fmt.Errorf("read script: %w", err)
		}
		text = string(data)
	}
	out.print(scriptGroup(out.mask.text(text)))
	return nil
}

// scriptGroup returns the group of log lines for a script.
func scriptGroup(script string) string {
	script = strings.Trim(script, "\n")
	rest := ""
	if len(script) > maxShownScript {
		short := runner.Shorten(script, maxShownScript)
		rest = fmt.Sprintf(runner.ScriptIndent+"(%d more bytes)\n", len(script)-len(strings.TrimSuffix(short, "…")))
		script = short
	}
	script = visible(script)
	const maxTitle = 200
	title, _, _ := strings.Cut(strings.TrimSpace(script), "\n")
	var b strings.Builder
	b.WriteString(runner.ScriptGroup + runner.Shorten(title, maxTitle) + "\n")
	for line := range strings.SplitSeq(script, "\n") {
		b.WriteString(runner.ScriptIndent + line + "\n")
	}
	b.WriteString(rest + runner.EndGroup + "\n")
	return b.String()
}

// visible replaces control characters, which a terminal or a reader of the log
// could act on, by their escape sequences.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\x%02x`, r)
	}
	return b.String()
}

// quoteArgs returns a command as somebody would type it into a shell.
func quoteArgs(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if arg == "" || strings.ContainsFunc(arg, needsQuotes) {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func needsQuotes(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:=@%+,", r)
}
