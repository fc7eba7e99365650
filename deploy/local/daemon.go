package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// components in the order in which they are booted.
var components = [...]string{"containerd", "etcd", "apiserver", "controller-manager", "scheduler", "kubelet"}

// daemon starts a component that outlives this command, unless it runs already.
func (n instance) daemon(name string, argv ...string) error {
	if n.alive(name) {
		return nil
	}
	log, err := os.OpenFile(n.path(name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = n.state
	cmd.Stdout = log
	cmd.Stderr = log
	cmd.Env = append(os.Environ(), n.mark())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	go cmd.Wait()
	// For a moment after exec a process shows no environment, and would pass for dead.
	waitFor(time.Second, func() bool { return n.owns(cmd.Process.Pid) })
	return os.WriteFile(n.path(name+".pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)
}

// mark is a variable that every component, and what it starts, carries: shims
// and network plugins too, but no container.
func (n instance) mark() string { return "YACI_LOCAL_INSTANCE=" + n.name }

// pid is a component's process, or 0. The mark proves that it is ours, should
// the number have been used again.
func (n instance) pid(name string) int {
	data, err := os.ReadFile(n.path(name + ".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil || !n.owns(pid) {
		return 0
	}
	return pid
}

func (n instance) owns(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && slices.Contains(strings.Split(string(env), "\x00"), n.mark())
}

func (n instance) alive(name string) bool { return n.pid(name) != 0 }

// stop ends a process: TERM, and KILL when it does not listen.
func (n instance) stop(pid int) {
	if pid <= 1 || !n.owns(pid) {
		return
	}
	syscall.Kill(pid, syscall.SIGTERM)
	if waitFor(5*time.Second, func() bool { return !n.owns(pid) }) != nil {
		syscall.Kill(pid, syscall.SIGKILL)
		waitFor(5*time.Second, func() bool { return !n.owns(pid) })
	}
}

// ownProcesses finds what carries this instance's mark.
func (n instance) ownProcesses() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		if pid != os.Getpid() && n.owns(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// wait waits for a component to be of use, and gives up when it has died.
func (n instance) wait(component string, limit time.Duration, done func() bool) error {
	up := false
	err := waitFor(limit, func() bool { up = done(); return up || !n.alive(component) })
	if err == nil && !up {
		err = errors.New("it ended")
	}
	if err != nil {
		return fmt.Errorf("%s: %w; see %s", component, err, n.path(component+".log"))
	}
	return nil
}

func waitFor(limit time.Duration, done func() bool) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return nil
		}
	}
	return fmt.Errorf("not within %v", limit)
}
