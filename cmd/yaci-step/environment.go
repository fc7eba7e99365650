package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/yaci-ci/yaci/internal/runner"
)

// restartWithoutRuntimeVariables executes this program again without the variables of the Go
// runtime that the image sets. They get the names under which those of the file arrive
// (runner.PassedName). It returns nil if there are none, and otherwise only with an error.
func restartWithoutRuntimeVariables() error {
	env, found := os.Environ(), false
	for i, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if !runner.IsRuntimeVariable(name) {
			continue
		}
		found = true
		env[i] = runner.PassedName(name) + "=" + value
		if _, setByFile := os.LookupEnv(runner.PassedName(name)); setByFile {
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

// setHome sets HOME to a directory that the step can write to, unless the image sets one, and sets
// USER and LOGNAME. setByFile says that the file sets HOME, which then stays as it is.
func setHome(homes string, setByFile bool) error {
	uid := os.Geteuid()
	home := os.Getenv("HOME")
	if !setByFile && !isUsableHome(home) {
		dir, err := createHome(homes, uid)
		if err != nil {
			return err
		}
		if err := os.Setenv("HOME", dir); err != nil {
			return err
		}
	}
	name := userName("/etc/passwd", uid)
	for _, key := range []string{"USER", "LOGNAME"} {
		if os.Getenv(key) != "" {
			continue
		}
		if err := os.Setenv(key, name); err != nil {
			return err
		}
	}
	return nil
}

// isUsableHome reports whether a step can store files in a directory. / is not usable, even for
// root: runtimes set it for users whom the image does not know.
func isUsableHome(dir string) bool {
	if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" {
		return false
	}
	const writeAndSearch = 0o3 // W_OK | X_OK
	info, err := os.Stat(dir)
	return err == nil && info.IsDir() && syscall.Access(dir, writeAndSearch) == nil
}

// createHome returns the home of a user, which the steps of the job share. Other users cannot read
// it. All users can create entries in homes, and remove only their own, so a step of another user
// may have taken the name. Then the home gets a new name.
func createHome(homes string, uid int) (string, error) {
	dir := filepath.Join(homes, strconv.Itoa(uid))
	err := os.Mkdir(dir, 0o700)
	if err != nil && !os.IsExist(err) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err == nil && info.IsDir() && ownerOf(info) == uid {
		return dir, nil
	}
	return os.MkdirTemp(homes, strconv.Itoa(uid)+"-")
}

// userName returns the name of a user in a passwd file, or a neutral one.
func userName(passwd string, uid int) string {
	if f, err := os.Open(passwd); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Split(lines.Text(), ":")
			if len(fields) > 2 && fields[2] == strconv.Itoa(uid) && fields[0] != "" {
				return fields[0]
			}
		}
	}
	if uid == 0 {
		return "root"
	}
	return "yaci"
}
