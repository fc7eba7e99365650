package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// bash reads the file that BASH_ENV names before it runs a script (bash(1)). This
// one sets traps that write down which command ended the script:
//
//   - ERR for commands of the script itself and of files that it sources. Functions
//     and subshells do not inherit it, because "set -E" would change the script's
//     own traps.
//   - EXIT for commands in functions, whose calls are known but not their lines.
//
// The traps must not change what the script does. They keep $?, write nothing to the
// script's descriptors, define no variable or function, and are gone as soon as the
// script sets its own. Under "set +e" nothing is written: no command ends the script.
const (
	trapFile    = "bash-trap.sh"
	failureFile = "failed-command" // in the step's own hand-over directory

	maxShownCommand = 200
)

const trapScript = `unset BASH_ENV
trap 'case $- in *e*) { builtin printf "%s\n" "$?" "${LINENO-}" "${BASH_SOURCE[0]-}" "${PIPESTATUS[*]-}" "" \
	"${BASH_COMMAND:0:500}" >|"FILE" || :; } 2>/dev/null;; esac' ERR
trap 'case $?,$-,${FUNCNAME-} in 0,* | *,) ;; *,*e*,*) { [[ -e "FILE" ]] || builtin printf "%s\n" "$?" \
	"${BASH_LINENO[0]-}" "${BASH_SOURCE[1]-}" "" "$FUNCNAME" "${BASH_COMMAND:0:500}" >|"FILE" || :; } 2>/dev/null;; esac' EXIT
`

// canTrap reports whether the step's command is a script for bash, and BASH_ENV is not in use.
func (p plan) canTrap(env []string) bool {
	return p.Script != "" && filepath.Base(p.Command[0]) == "bash" &&
		!slices.ContainsFunc(env, func(variable string) bool { return strings.HasPrefix(variable, "BASH_ENV=") })
}

// setTraps writes trapFile and returns the variable that has bash read it. A script
// can do without, so there is no error.
func setTraps(at layout) []string {
	path := filepath.Join(at.own, trapFile)
	text := strings.ReplaceAll(trapScript, "FILE", filepath.Join(at.own, failureFile))
	if os.WriteFile(path, []byte(text), 0o644) != nil {
		return nil
	}
	return []string{"BASH_ENV=" + path}
}

// failedCommand returns a sentence that names the command that ended the script with
// an exit code, or "" if that is not known. The step's processes can write the file
// too, so it is only ever shown in the step's own log.
func failedCommand(at layout, script string, exit int) string {
	// Non-blocking, since opening a FIFO would wait for its other end.
	f, err := os.OpenFile(filepath.Join(at.own, failureFile), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	data := make([]byte, 4<<10)
	n, _ := f.Read(data)
	fields := strings.SplitN(strings.ToValidUTF8(string(data[:n]), "\uFFFD"), "\n", 6)
	if len(fields) < 6 || fields[0] != strconv.Itoa(exit) {
		return ""
	}
	return describeFailure(script, fields[1:], exit)
}

// describeFailure puts what the traps wrote into a sentence: line, source file, exit
// codes of a pipeline, function and command.
func describeFailure(script string, fields []string, exit int) string {
	line, source, pipe, function, text := fields[0], fields[1], fields[2], fields[3], fields[4]
	if n, err := strconv.Atoi(line); err != nil || n < 1 {
		return ""
	}
	where := "line " + line
	if source != script {
		where = shorten(oneLine(visible(source)), maxShownCommand) + " " + where
	}
	text = shorten(oneLine(visible(text)), maxShownCommand)
	codes := strings.Fields(pipe)
	switch {
	case function != "":
		return fmt.Sprintf("%s, in a call of %s: %s: exit code %d", where, shorten(oneLine(visible(function)), 80), text, exit)
	case len(codes) > 1 && len(codes) <= 50:
		return fmt.Sprintf("%s: pipeline that ends with %s: exit codes %s", where, text, strings.Join(codes, ", "))
	}
	return fmt.Sprintf("%s: %s: exit code %d", where, text, exit)
}
