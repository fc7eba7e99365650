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

	"github.com/yaci-ci/yaci/internal/runner"
)

// bash reads the file that BASH_ENV names before it runs a script (bash(1)). This
// one sets a trap on ERR that writes down where a command ended the script. It must
// not change what the script does:
//
//   - It is set only for scripts that cannot notice it: see canTrap.
//   - It hands on $? and $_, also to what a sourced file appends to it, prints nothing
//     (not even under "set -x"), and defines no variable or function. The work is done
//     in a sourced file, since only a function or such a file can return a given $?.
//   - Functions and subshells do not inherit it, because "set -E" would change the
//     script's own traps. Of those that inherit it by the script's own "set -E", only
//     the main shell writes.
//   - Without "set -e" nothing is written: no command ends the script.
//
// It writes numbers only. The text of the command may be expanded and hold a secret
// ("eval"), and later steps can read the file; the runner takes the line from the script.
const (
	trapFile    = "bash-trap.sh"
	writeFile   = "bash-write.sh"
	failureFile = "failed-command" // in the step's own hand-over directory

	maxShownCommand = 200
)

const trapScript = `unset BASH_ENV
trap '{ builtin . "WRITE" "$?" "${LINENO-}" "${BASH_SOURCE[0]-}" "${PIPESTATUS[@]}" "${_-}"; } >/dev/null 2>&1 && [[ x ]]' ERR
`

const writeScript = `case $-,${BASHPID-},$3 in
*e*,"$$","SCRIPT") builtin printf '%s\n' "$1" "$2" "${@:4:$#-4}" >|"FILE" || return "$1" ;;
esac
return "$1"
`

// canTrap reports whether the step's command is a script for bash that cannot notice the trap.
func canTrap(p runner.StepPlan, env []string, script string) bool {
	return p.Script != "" && filepath.Base(p.Command[0]) == "bash" && !slices.ContainsFunc(p.Command[1:], isUnusual) &&
		!slices.ContainsFunc(env, setsOption) && !mayNotice(script)
}

// isUnusual reports whether a word of the shell may be an option that changes something about traps or what bash
// prints.
func isUnusual(word string) bool {
	if letters, ok := strings.CutPrefix(word, "-"); ok {
		return strings.Trim(letters, "eEuCfo") != ""
	}
	return !slices.Contains([]string{"pipefail", "errexit", "errtrace", "nounset", "noclobber", "noglob"}, word)
}

// mayNotice reports whether a script may notice the trap: by traps of its own, tracing, limits on open files, or
// options that change how bash reads or runs the trap. It finds too much rather than too little: without the trap the
// log has the exit code alone.
func mayNotice(script string) bool {
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

// changesTracing reports whether a word of a set command, in lower case, holds one of the options k, n, r, t, T, v and
// x.
func changesTracing(word string) bool {
	return strings.ContainsAny(word[:1], "-+") && strings.ContainsAny(word, "knrtvx")
}

// setsOption reports whether an environment variable has bash read a file, trace or change its options.
func setsOption(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"BASH_ENV", "BASHOPTS", "BASH_XTRACEFD", "POSIXLY_CORRECT", "SHELLOPTS"}, name)
}

// trapFor returns the variable that has bash set the trap for a script, or nothing when the script may notice it or
// the trap cannot be written. A script can do without, so there is no error.
func trapFor(p runner.StepPlan, script string, at layout, env []string) []string {
	text, err := os.ReadFile(script)
	if err != nil || !canTrap(p, env, string(text)) {
		return nil
	}
	names := strings.NewReplacer(
		"WRITE",
		filepath.Join(at.own, writeFile),
		"FILE",
		filepath.Join(at.own, failureFile),
		"SCRIPT",
		script,
	)
	for name, text := range map[string]string{trapFile: trapScript, writeFile: writeScript} {
		if os.WriteFile(filepath.Join(at.own, name), []byte(names.Replace(text)), 0o644) != nil {
			return nil
		}
	}
	return []string{"BASH_ENV=" + filepath.Join(at.own, trapFile)}
}

// failedCommand returns a sentence that names the line of the script that ended it with
// an exit code, or "" if that is not known. The step's processes can write the file
// too, so it is only ever shown in the step's own log.
func failedCommand(at layout, script string, exit int, mask *masker) string {
	// Non-blocking, since opening a FIFO would wait for its other end.
	f, err := os.OpenFile(filepath.Join(at.own, failureFile), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
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
	text := shownLine(script, line, mask)
	if text == "" {
		return ""
	}
	codes := fields[2 : len(fields)-1]
	if len(codes) > 1 && areExitCodes(codes) {
		return fmt.Sprintf("line %d: %s: pipeline with exit codes %s", line, text, strings.Join(codes, ", "))
	}
	return fmt.Sprintf("line %d: %s: exit code %d", line, text, exit)
}

// shownLine returns a line of a script for the log, or "" if there is no such line. It is
// masked before it is shortened, since a secret that is cut off would not be found.
func shownLine(script string, number int, mask *masker) string {
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

// areExitCodes reports whether fields are what bash writes of a pipeline's commands.
func areExitCodes(fields []string) bool {
	return len(fields) <= 50 && !slices.ContainsFunc(fields, func(field string) bool {
		_, err := strconv.ParseUint(field, 10, 8)
		return err != nil
	})
}
