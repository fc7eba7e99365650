package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// down ends everything of this instance and removes its traces, caches aside.
func (n instance) down() error {
	n.stop(n.pid("kubelet"))
	for _, c := range []string{"scheduler", "controller-manager", "apiserver", "etcd"} {
		n.stop(n.pid(c))
	}
	n.killPods()
	n.stop(n.pid("containerd"))
	for _, pid := range n.ownProcesses() {
		n.stop(pid)
	}
	n.unmount()
	n.network()
	n.cgroups()
	for _, dir := range []string{n.state, n.run} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("down: %w", err)
		}
	}
	return nil
}

// killPods ends what runs in the instance's cgroups.
func (n instance) killPods() {
	for range 3 {
		for _, dir := range n.cgroupDirs() {
			data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for line := range strings.Lines(string(data)) {
				var pid int
				if fmt.Sscan(line, &pid); pid > 1 {
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
	}
}

// cgroupDirs are the instance's cgroups of all controllers, deepest first.
func (n instance) cgroupDirs() (dirs []string) {
	roots, _ := filepath.Glob("/sys/fs/cgroup/*" + n.cgroup())
	for _, root := range append(roots, "/sys/fs/cgroup"+n.cgroup()) {
		filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append([]string{path}, dirs...)
			}
			return nil
		})
	}
	return dirs
}

func (n instance) cgroups() {
	n.killPods()
	waitFor(5e9, func() bool {
		for _, dir := range n.cgroupDirs() {
			os.Remove(dir)
		}
		return len(n.cgroupDirs()) == 0
	})
}

// unmount takes away all mounts below the instance's directories, and the
// network namespaces that held its pods.
func (n instance) unmount() {
	data, _ := os.ReadFile("/proc/self/mounts")
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		fields := strings.Fields(lines[i])
		if len(fields) > 1 && (strings.HasPrefix(fields[1], n.state+"/") || strings.HasPrefix(fields[1], n.run+"/")) {
			command("umount", "--lazy", fields[1])
		}
	}
	for _, ns := range n.podNetworks() {
		command("umount", "--lazy", ns)
		os.Remove(ns)
	}
}

// podNetworks are the network namespaces with an address in this instance's subnet.
func (n instance) podNetworks() (own []string) {
	all, _ := filepath.Glob("/var/run/netns/cni-*")
	for _, ns := range all {
		out, err := exec.Command("nsenter", "--net="+ns, "ip", "-4", "-o", "addr").Output()
		if err == nil && strings.Contains(string(out), "inet "+n.subnet+".") {
			own = append(own, ns)
		}
	}
	return own
}

// network removes the bridge and the rules that CNI made for this subnet.
func (n instance) network() {
	command("ip", "link", "delete", n.bridge())
	out, _ := exec.Command("iptables", "-t", "nat", "-S", "POSTROUTING").Output()
	for line := range strings.Lines(string(out)) {
		rule, err := words(line)
		if err != nil || !strings.Contains(line, " -s "+n.subnet+".") {
			continue
		}
		chain := rule[len(rule)-1]
		command(append([]string{"iptables", "-t", "nat", "-D"}, rule[1:]...)...)
		command("iptables", "-t", "nat", "-F", chain)
		command("iptables", "-t", "nat", "-X", chain)
	}
}

// words splits a rule as iptables prints it: words, and texts in quotes.
func words(rule string) (all []string, err error) {
	for rest := strings.TrimSpace(rule); rest != ""; rest = strings.TrimSpace(rest) {
		word, _, _ := strings.Cut(rest, " ")
		text := word
		if rest[0] == '"' {
			if word, err = strconv.QuotedPrefix(rest); err == nil {
				text, err = strconv.Unquote(word)
			}
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", rule, err)
			}
		}
		all, rest = append(all, text), rest[len(word):]
	}
	return all, nil
}
