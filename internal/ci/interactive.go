package ci

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// A program that reads commands from its standard input, such as a shell or python, exits with 0 at once in a step,
// because the input of a step is empty. It is the command of many images that are meant to be run with another one. A
// step that ran it would pass without having done anything.

// idleProgram returns the name of the program if a command runs such a program and gives it nothing to run. Otherwise
// it returns "".
func idleProgram(command []string) string {
	for range maxWrappers {
		command = withoutWrappers(command)
		if len(command) == 0 {
			return ""
		}
		name, options := programName(command[0]), command[1:]
		if !readsCommands(name) {
			return ""
		}
		inner, given := givenTo(name, options)
		switch {
		case !given:
			return name
		case len(inner) == 0:
			return ""
		}
		command = inner
	}
	return ""
}

// maxWrappers is how many nested shells and wrappers are looked through.
const maxWrappers = 10

// readsCommands reports whether a program without arguments executes its standard input.
func readsCommands(name string) bool {
	return isShell(name) || slices.Contains([]string{
		"bpython", "bun", "busybox", "cat", "clj", "clojure", "csi", "deno", "duckdb", "elixir", "erl", "ghci", "groovy", "groovysh", "guile",
		"hy", "iex", "ipython", "irb", "jruby", "jshell", "julia", "lua", "luajit", "node", "nodejs", "ocaml", "octave", "perl", "php", "pypy",
		"python", "r", "racket", "raku", "rscript", "ruby", "sbcl", "sbt", "scala", "sqlite", "swift", "swipl", "tclsh", "ts-node", "utop",
	}, name)
}

func isShell(name string) bool {
	return slices.Contains(
		[]string{"ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "pwsh", "sh", "tcsh", "xonsh", "zsh"},
		name,
	)
}

// givenTo reports whether the arguments of a program give it something to do. If they name another command, which can
// be idle itself, givenTo returns it.
func givenTo(name string, arguments []string) (inner []string, given bool) {
	for i := 0; i < len(arguments); i++ {
		word := arguments[i]
		rest := arguments[i+1:]
		switch {
		case word == "-" || word == "--":
		case !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "+"):
			return namedCommand(name, arguments[i:]), true
		case isShell(name) && shellCode.MatchString(word):
			if len(rest) == 0 {
				return nil, false
			}
			return plainCommand(rest[0]), true
		case gives(name, word):
			return nil, true
		case takesValue(name, word):
			i++
		}
	}
	return nil, false
}

// namedCommand returns the command that the words behind the options of a program name, or nil if they name none.
func namedCommand(name string, words []string) []string {
	switch {
	case name == "busybox":
		return words
	case isShell(name) && isEntrypoint(words[0]):
		return words[1:]
	}
	return nil
}

// shellCode matches an option of a shell that a script follows: -c, also together with others as in -lc.
var shellCode = regexp.MustCompile(`^-[a-zA-Z]*c[a-zA-Z]*$|^-(?i:command)$|^--command$`)

// plainCommand returns the words of a script that is one command without any syntax of the shell, or else nil.
func plainCommand(script string) []string {
	if strings.ContainsAny(script, "\n;&|<>()$`\\\"'*?[]#~={}!") {
		return nil
	}
	words := strings.Fields(script)
	if len(words) > 1 && words[0] == "exec" {
		words = words[1:]
	}
	return words
}

// attached matches options that contain, in the same word, code or the name of what is to run.
var attached = regexp.MustCompile(`^--?(?:e|eval|print|execute|command|expr|test|run|file|script|load|version|help)\b`)

// gives reports whether an option alone makes a program do something: run the code in the same word, or print its version.
func gives(name, option string) bool {
	switch {
	case attached.MatchString(option):
		return option != "-e"
	case isShell(name):
		return false
	case name == "python" || name == "pypy":
		return option == "-V" || option == "-h" || len(option) > 2 && (option[:2] == "-c" || option[:2] == "-m")
	case option == "-v" || option == "-V" || option == "-h":
		return true
	case name == "perl" || name == "ruby":
		return len(option) > 2 && option[:2] == "-e"
	case name == "php":
		return len(option) > 2 && option[:2] == "-r" || option == "-i" || option == "-m"
	}
	return false
}

// takesValue reports whether the word behind an option is its value, and nothing to run.
func takesValue(name, option string) bool {
	switch {
	case isShell(name):
		return strings.HasSuffix(strings.ToLower(option), "o") && !strings.HasPrefix(option, "--") ||
			option == "--rcfile" || option == "--init-file"
	case name == "python" || name == "pypy":
		return option == "-W" || option == "-X"
	case name == "php":
		return option == "-d"
	}
	return false
}

// withoutWrappers returns a command without the programs at its beginning that only run the rest of it, such as init
// programs and the entrypoint scripts of images.
func withoutWrappers(command []string) []string {
	for len(command) > 1 {
		name := path.Base(command[0])
		var rest []string
		switch {
		case isEntrypoint(name):
			rest = command[1:]
		case name == "env":
			rest = behindOptions(command[1:], "-u", "-C")
			for len(rest) > 0 && strings.Contains(rest[0], "=") {
				rest = rest[1:]
			}
		case isInit(name):
			rest = behindOptions(command[1:], "-e", "-p", "-r", "--rewrite")
		default:
			return command
		}
		if len(rest) == 0 {
			return command
		}
		command = rest
	}
	return command
}

func isEntrypoint(word string) bool {
	return strings.Contains(strings.ToLower(path.Base(word)), "entrypoint")
}

func isInit(name string) bool {
	return slices.Contains([]string{"catatonit", "docker-init", "dumb-init", "init", "my_init", "tini"}, name) ||
		strings.HasPrefix(name, "tini-")
}

// behindOptions returns the words behind the options at the beginning. Those of valued take a value.
func behindOptions(words []string, valued ...string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		option := words[0]
		words = words[1:]
		if option == "--" {
			break
		}
		if slices.Contains(valued, option) && len(words) > 0 {
			words = words[1:]
		}
	}
	return words
}

// version matches the version at the end of a program's name.
var version = regexp.MustCompile(`[-.]?[0-9][0-9.]*[a-z]?$`)

// programName returns the name of a program without its directory and version: python for /usr/bin/python3.13.
func programName(word string) string {
	return version.ReplaceAllString(strings.ToLower(path.Base(word)), "")
}
