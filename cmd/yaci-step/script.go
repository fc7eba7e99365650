package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/yaci-ci/yaci/internal/runner"
)

// maxShownScript is the most bytes of a script that are printed.
const maxShownScript = 64 << 10

// printScript prints the command or script of a step as the file has it, with no variable expanded,
// as a group of log lines (runner.ScriptGroup).
func printScript(p runner.StepPlan, paths podPaths, out *output) error {
	if p.Quiet {
		return nil
	}
	text := quoteArgs(p.Command)
	if p.Script != "" {
		data, err := os.ReadFile(filepath.Join(paths.bin, p.Script))
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

// visible replaces control characters, which a terminal or a reader of the log could act on, by
// escape sequences.
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

// quoteArgs returns a command as one would type it into a shell.
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

// Before bash runs a script, it reads the file that BASH_ENV names (bash(1)). The runner's file sets a
// trap on ERR that records which command ended the script. It must not change what the script does:
//
//   - It is set only for scripts that cannot notice it: see canTrap.
//   - It preserves $? and $_, also for what a sourced file appends to it, prints nothing (not even
//     under "set -x"), and defines no variable or function. The work is done in a sourced file, since
//     only a function or such a file can return a given $?.
//   - Functions and subshells do not inherit it, because "set -E" would change the script's own traps.
//     If the script itself sets -E, only the main shell writes.
//   - Without "set -e" it writes nothing, because no command ends the script.
//
// It records numbers only. The text of the command may be expanded and contain a secret ("eval"), and
// later steps can read the file. The runner takes the line from the script instead.
const (
	trapFile    = "bash-trap.sh"
	writeFile   = "bash-write.sh"
	failureFile = "failed-command" // in the step's own hand-over directory

	maxShownCommand = 200
)

// trapScript is the file that BASH_ENV names. It runs in the same shell as the script, so it
// removes the variable before the script can see it.
const trapScript = `unset BASH_ENV
trap '{ builtin . "WRITE" "$?" "${LINENO-}" "${BASH_SOURCE[0]-}" "${PIPESTATUS[@]}" "${_-}"; } >/dev/null 2>&1 && [[ x ]]' ERR
`

// writeScript writes the exit code, the line and the exit codes of the pipeline, if the main shell
// of the script with "set -e" runs it. It returns the exit code that the trap got.
const writeScript = `case $-,${BASHPID-},$3 in
*e*,"$$","SCRIPT") builtin printf '%s\n' "$1" "$2" "${@:4:$#-4}" >|"FILE" || return "$1" ;;
esac
return "$1"
`

// canTrap reports whether the command is a bash script that cannot notice the trap.
func canTrap(p runner.StepPlan, env []string, script string) bool {
	if p.Script == "" || filepath.Base(p.Command[0]) != "bash" {
		return false
	}
	return !slices.ContainsFunc(p.Command[1:], isUnusualOption) && !slices.ContainsFunc(env, setsBashOption) &&
		!mayNoticeTrap(script)
}

// isUnusualOption reports whether an argument of the shell may be an option that affects traps or
// what bash prints.
func isUnusualOption(word string) bool {
	if letters, ok := strings.CutPrefix(word, "-"); ok {
		return strings.Trim(letters, "eEuCfo") != ""
	}
	return !slices.Contains([]string{"pipefail", "errexit", "errtrace", "nounset", "noclobber", "noglob"}, word)
}

// mayNoticeTrap reports whether a script may notice the trap: by traps of its own, tracing, limits
// on open files, or options that change how bash reads or runs the trap. It errs on the side of
// true: without the trap, the log only lacks the failed line.
func mayNoticeTrap(script string) bool {
	script = strings.ToLower(script)
	for _, word := range []string{"xtrace", "verbose", "extdebug", "alias", "limit", "functrace", "posix", "restricted"} {
		if strings.Contains(script, word) {
			return true
		}
	}
	for i := range len(script) { // trap and trap_add, but not bootstrap
		if strings.HasPrefix(script[i:], "trap") && (i == 0 || script[i-1] < 'a' || script[i-1] > 'z') {
			return true
		}
	}
	isEnd := func(r rune) bool { return strings.ContainsRune("\n;&|", r) }
	for command := range strings.FieldsFuncSeq(strings.NewReplacer("\\\n", " ", "\t", " ").Replace(script), isEnd) {
		_, options, ok := strings.Cut(command, "set ")
		if ok && slices.ContainsFunc(strings.Fields(options), changesTracing) {
			return true
		}
	}
	return false
}

// changesTracing reports whether an argument of a set command, in lower case, has one of the
// options k, n, r, t, T, v and x.
func changesTracing(word string) bool {
	return strings.ContainsAny(word[:1], "-+") && strings.ContainsAny(word, "knrtvx")
}

// setsBashOption reports whether an environment variable makes bash read a file, trace, or change
// its options.
func setsBashOption(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"BASH_ENV", "BASHOPTS", "BASH_XTRACEFD", "POSIXLY_CORRECT", "SHELLOPTS"}, name)
}

// installTrap writes the trap for a script, and returns the variable that makes bash set it. It
// returns nil if the script may notice the trap, or if a file cannot be written: the step works
// without it.
func installTrap(p runner.StepPlan, script string, paths podPaths, env []string) []string {
	text, err := os.ReadFile(script)
	if err != nil || !canTrap(p, env, string(text)) {
		return nil
	}
	names := strings.NewReplacer(
		"WRITE",
		filepath.Join(paths.own, writeFile),
		"FILE",
		filepath.Join(paths.own, failureFile),
		"SCRIPT",
		script,
	)
	for name, text := range map[string]string{trapFile: trapScript, writeFile: writeScript} {
		if os.WriteFile(filepath.Join(paths.own, name), []byte(names.Replace(text)), 0o644) != nil {
			return nil
		}
	}
	return []string{"BASH_ENV=" + filepath.Join(paths.own, trapFile)}
}

// failedCommand returns the line of the script that ended it with an exit code, as a message for
// the log, or "" if it is not known. Processes of the step can write the file too, so the message
// is shown in the step's own log only.
func failedCommand(paths podPaths, script string, exit int, mask *masker) string {
	// Non-blocking, since opening a FIFO would wait for its other end.
	f, err := os.OpenFile(filepath.Join(paths.own, failureFile), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	data := make([]byte, 1<<10)
	n, _ := f.Read(data)
	fields := strings.Split(string(data[:n]), "\n")
	if len(fields) < 3 || fields[0] != strconv.Itoa(exit) {
		return ""
	}
	line, err := strconv.Atoi(fields[1])
	if err != nil {
		return ""
	}
	text := scriptLine(script, line, mask)
	if text == "" {
		return ""
	}
	codes := fields[2 : len(fields)-1]
	if len(codes) > 1 && areExitCodes(codes) {
		return fmt.Sprintf("line %d: %s: pipeline with exit codes %s", line, text, strings.Join(codes, ", "))
	}
	return fmt.Sprintf("line %d: %s: exit code %d", line, text, exit)
}

// scriptLine returns a line of a script for the log, or "" if there is none. It is masked before it
// is shortened, because the beginning of a secret would not be found.
func scriptLine(script string, number int, mask *masker) string {
	data, err := os.ReadFile(script)
	if err != nil {
		return ""
	}
	lines := bytes.Split(data, []byte("\n"))
	if number < 1 || number > len(lines) {
		return ""
	}
	text := mask.text(strings.ToValidUTF8(string(lines[number-1]), "\uFFFD"))
	return runner.Shorten(mask.text(strings.Join(strings.Fields(visible(text)), " ")), maxShownCommand)
}

// areExitCodes reports whether fields are the exit codes of a pipeline, as bash writes them.
func areExitCodes(fields []string) bool {
	return len(fields) <= 50 && !slices.ContainsFunc(fields, func(field string) bool {
		_, err := strconv.ParseUint(field, 10, 8)
		return err != nil
	})
}
