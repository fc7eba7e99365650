package watch

import (
	"regexp"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// What the kubelet, containerd and runc say of a container that they cannot start, and what
// that means. The first that is found counts. Words may name what the first groups matched.
var startTroubles = []struct {
	found  *regexp.Regexp
	words  string
	passes bool // another try may succeed
}{
	{regexp.MustCompile(`exec: "([^"]{1,100})": executable file not found`),
		"the image has no program $1. Correct the command, or use an image that has it.", false},
	{regexp.MustCompile(`exec:? "?([^":\s]{1,100})"?(?:: stat [^:]{1,200})?: no such file or directory`),
		"the image has no program $1, or not the interpreter that it needs. Correct the command, or use another image.", false},
	{regexp.MustCompile(`exec:? "?([^":\s]{1,100})"?(?:: stat [^:]{1,200})?: (?:permission denied|is a directory)`),
		"$1 cannot be executed by the container's user. Set its mode in the image (chmod +x), or correct the command.", false},
	{regexp.MustCompile(`exec format error`),
		"its program is not built for the architecture of the node. Use an image for it, or one for several architectures.", false},
	{regexp.MustCompile(`unable to find (?:user|group) |no matching entries in (?:passwd|group) file`),
		"the image names a user or group that it does not have. Correct the image, or set user to a number.", false},
	{regexp.MustCompile(`runAsNonRoot`),
		"the cluster does not let it run as root. Use an image with a user of its own, or set user.", false},
	{regexp.MustCompile(`chdir to cwd \("([^"]{1,100})"\)`),
		"its working directory $1 cannot be entered. Correct WORKDIR in the image.", false},
	{regexp.MustCompile(`(?i)couldn't find key (\S{1,100}) in (Secret|ConfigMap) (?:[^\s/]{1,100}/)?([^\s/]{1,100})`),
		"the $2 $3 has no key $1. Ask who operates YACI to set the secret again.", false},
	{regexp.MustCompile(`(?i)(secret|configmap) "?([^"\s]{1,100})"? not found`),
		"the $1 $2 does not exist any more. Ask who operates YACI to set the secret again.", false},
	{regexp.MustCompile(`no space left on device`),
		"the disk of the node is full (no space left). Retry the run, or ask the operator of the cluster.", true},
	{regexp.MustCompile(`(?i)OOM-killed|memory limit too low|cannot allocate memory|memory\.max`),
		"its memory limit is too small to start it. Raise resources.memory.", false},
	{regexp.MustCompile(`(?i)no runtime for "([^"]{1,60})"|runtime handler "?([^"\s]{1,60})"?`),
		"the node does not have the container runtime that YACI_RUNTIME_CLASS names. Ask who operates YACI.", false},
	{regexp.MustCompile(`(?i)no command specified`),
		"the image has no command of its own. Set one, or use another image.", false},
	{regexp.MustCompile(`(?i)apparmor|seccomp|selinux`),
		"the node cannot apply the security profile of builds. Ask the operator of the cluster.", false},
	{regexp.MustCompile(`(?i)resource temporarily unavailable`),
		"the node has no room for another process. Retry the run, or ask the operator of the cluster.", true},
	{regexp.MustCompile(`(?i)mount|subPath|read-only file system|rootfs`),
		"a directory of the job cannot be mounted into the image. " + runner.WorkspaceDir + " and " + runner.Dir + " must not be files or links in it.", false},
	{
		regexp.MustCompile(
			`(?i)timeout|timed out|deadline exceeded|not yet been read|connection refused|name is reserved|name .{1,300} is reserved`,
		),
		"the node did not start it in time. Retry the run.",
		true,
	},
}

// startTrouble says in YACI's words why a container cannot be started, and whether that may pass.
func startTrouble(message string) (why string, passes bool) {
	for _, trouble := range startTroubles {
		if m := trouble.found.FindStringSubmatchIndex(message); m != nil {
			return string(trouble.found.ExpandString(nil, trouble.words, message, m)), trouble.passes
		}
	}
	return "the node could not start it. The job's page has the node's own words.", true
}

// startError returns what the container runtime said when it could not start a
// container, or "" if that is not how the container ended.
func startError(t *corev1.ContainerStateTerminated) string {
	if t == nil || t.Reason != "StartError" && t.Reason != "ContainerCannotRun" {
		return ""
	}
	if t.Message == "" {
		return t.Reason
	}
	return t.Message
}

// startDetail keeps the runtime's words about the first of some containers that it could not start.
func (s *Sighting) startDetail(seen map[string]corev1.ContainerStatus, names ...string) {
	for _, name := range names {
		c := seen[name]
		if words := startError(lastEnd(c)); words != "" {
			s.detail(words)
			return
		}
	}
}
