package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// onDisk reports whether a directory lies on a mounted block device, which is
// what cAdvisor measures (github.com/google/cadvisor, fs/fs.go); an overlay or a
// network share has no limits on disk use here.
func onDisk(dir string) bool {
	for ; dir != "/"; dir = filepath.Dir(dir) {
		var st syscall.Stat_t
		if syscall.Stat(dir, &st) == nil {
			mounts, _ := os.ReadFile("/proc/self/mountinfo")
			return hasDevice(string(mounts), fmt.Sprintf("%d:%d", st.Dev>>8&0xfff, st.Dev&0xff|st.Dev>>12&0xfff00))
		}
	}
	return false
}

// hasDevice reads /proc/self/mountinfo (proc_pid_mountinfo(5)): the third field
// is the device, and behind the lone dash stand type and source.
func hasDevice(mounts, device string) bool {
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if dash > 2 && len(f) > dash+2 && f[2] == device {
			kind, source := f[dash+1], f[dash+2]
			if strings.HasPrefix(source, "/dev/") && (strings.HasPrefix(kind, "ext") || kind == "xfs") {
				return true
			}
		}
	}
	return false
}
