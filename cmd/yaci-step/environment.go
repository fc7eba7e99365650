package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/yaci-ci/yaci/internal/runner"
)

// shedRuntimeVariables starts the runner again, in this process, without the variables
// of the Go runtime that the image sets: they get the names under which those of the
// file arrive (runner.PassedName). It returns only if there are none, or with an error.
func shedRuntimeVariables() error {
	env, found := os.Environ(), false
	for i, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if !runner.IsRuntimeVariable(name) {
			continue
		}
		found = true
		env[i] = runner.PassedName(name) + "=" + value
		if _, ofFile := os.LookupEnv(runner.PassedName(name)); ofFile {
			env[i] = ""
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
		name, value, ok := strings.Cut(variable, "=")
		if ok {
			env[i] = runner.CommandName(name) + "=" + value
		}
	}
	return env
}

// commandVariable returns a variable of the command's environment.
func commandVariable(name string) string { return os.Getenv(runner.PassedName(name)) }
