package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// The Go runtime of the runner reads these variables, some before main begins: a
// malformed GOMEMLIMIT ends the process. Those that the file sets reach the runner's
// container under a name with passPrefix (pipeline/env.go); the command gets them
// under their own.
const passPrefix = "YACI_PASS_"

func isRuntimeVariable(name string) bool {
	return slices.Contains([]string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}, name)
}

// shedRuntimeVariables starts the runner again, in this process, without those that
// the image sets. It returns only if there are none, or with an error.
func shedRuntimeVariables() error {
	env, found := os.Environ(), false
	for i, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if isRuntimeVariable(name) {
			env[i], found = passPrefix+name+"="+value, true
			if _, ofFile := os.LookupEnv(passPrefix + name); ofFile {
				env[i] = ""
			}
		}
	}
	if !found {
		return nil
	}
	env = slices.DeleteFunc(env, func(variable string) bool { return variable == "" })
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, env)
	}
	return fmt.Errorf("start again without variables of the Go runtime: %w", err)
}

// commandEnvironment returns the environment of the step's command.
func commandEnvironment() []string {
	env := os.Environ()
	for i, variable := range env {
		if rest, ok := strings.CutPrefix(variable, passPrefix); ok {
			if name, _, _ := strings.Cut(rest, "="); isRuntimeVariable(name) {
				env[i] = rest
			}
		}
	}
	return env
}

// commandVariable returns a variable of the command's environment.
func commandVariable(name string) string {
	if isRuntimeVariable(name) {
		return os.Getenv(passPrefix + name)
	}
	return os.Getenv(name)
}
