package watch

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// explanation is a sentence of YACI's for a message of the cluster.
type explanation struct {
	message   string
	transient bool // a retry may help
}

// knownError maps messages of the cluster to an explanation. The message may refer to the pattern's groups, as $1.
type knownError struct {
	pattern *regexp.Regexp
	explanation
}

// explain returns the explanation of the first pattern that matches, and false if none does.
func explain(known []knownError, message string) (explanation, bool) {
	for _, k := range known {
		match := k.pattern.FindStringSubmatchIndex(message)
		if match == nil {
			continue
		}
		return explanation{
			message:   string(k.pattern.ExpandString(nil, k.message, message, match)),
			transient: k.transient,
		}, true
	}
	return explanation{}, false
}

func permanent(pattern, message string) knownError {
	return knownError{
		pattern:     regexp.MustCompile(pattern),
		explanation: explanation{message: message},
	}
}

func transient(pattern, message string) knownError {
	return knownError{
		pattern:     regexp.MustCompile(pattern),
		explanation: explanation{message: message, transient: true},
	}
}

// pullErrors is what registries and container runtimes say about an image that cannot be pulled. The order matters: the
// runtime's message contains the registry's, and a denial by Docker Hub says "does not exist" as well.
var pullErrors = []knownError{
	transient(`(?i)toomanyrequests|too many requests|rate limit|\b429\b`,
		"the registry's rate limit is reached (too many requests). Wait, or use a registry login or a mirror."),
	permanent(`(?i)no match for platform|no matching manifest|exec format`,
		"the image is not built for the node's architecture. Use an image for it, or one for several architectures."),
	transient(`(?i)signature validation|rejected by policy`,
		"the node's policy does not accept the image's signature. "+
			"Use a signed image, or ask the operator of the cluster."),
	transient(`(?i)no such host`,
		"the registry's name cannot be resolved (no such host). Check the name of the image."),
	transient(`(?i)connection refused`, "the registry does not answer (connection refused)."),
	transient(`(?i)x509|certificate`, "the node does not trust the registry's certificate."),
	permanent(`(?i)insufficient_scope|authorization failed|access denied|denied|unauthorized|forbidden|`+
		`authentication required|\b40[13]\b`,
		"the registry denied access, or the image does not exist. Check its name, and the namespace's pull secret."),
	permanent(`(?i)not ?found|does not exist|manifest unknown|\b404\b`,
		"the image was not found. Check its name and tag."),
	permanent(`(?i)invalid reference|couldn't parse image|invalid image name`, "this is not a valid image name."),
	permanent(`(?i)not present`, "the image is not present on the node, and the cluster does not pull it."),
	transient(`(?i)timeout|timed out|deadline exceeded|connection reset|\bEOF\b|is down|unavailable|\b50[0234]\b`,
		"the registry does not answer."),
	transient(`(?i)no space left`, "the node's disk is full (no space left)."),
}

// imageNames matches names of images and addresses of registries. They can contain any word, such as the tag 404.
var imageNames = regexp.MustCompile(`"[^"]*"|\S*/\S*`)

// explainPullError explains why an image cannot be pulled.
func explainPullError(message string) explanation {
	message = imageNames.ReplaceAllString(message, " ")
	if e, ok := explain(pullErrors, message); ok {
		return e
	}
	return explanation{message: "the image cannot be pulled.", transient: true}
}

// startErrors is what the kubelet, containerd and runc say about a container that they cannot start.
var startErrors = []knownError{
	permanent(`exec: "([^"]{1,100})": executable file not found`,
		"the image has no program $1. Correct the command, or use an image that has it."),
	permanent(`exec:? "?([^":\s]{1,100})"?(?:: stat [^:]{1,200})?: no such file or directory`,
		"the image has no program $1, or not the interpreter that it needs. "+
			"Correct the command, or use another image."),
	permanent(`exec:? "?([^":\s]{1,100})"?(?:: stat [^:]{1,200})?: (?:permission denied|is a directory)`,
		"the container's user cannot execute $1. Set its mode in the image (chmod +x), or correct the command."),
	permanent(`exec format error`,
		"its program is not built for the node's architecture. Use an image for it, or one for several architectures."),
	permanent(`unable to find (?:user|group) |no matching entries in (?:passwd|group) file`,
		"the image names a user or group that it does not have. Correct the image, or set user to a number."),
	permanent(`runAsNonRoot`,
		"the cluster does not let it run as root. Use an image with a user of its own, or set user."),
	permanent(`chdir to cwd \("([^"]{1,100})"\)`,
		"its working directory $1 cannot be entered. Correct WORKDIR in the image."),
	permanent(`(?i)couldn't find key (\S{1,100}) in (Secret|ConfigMap) (?:[^\s/]{1,100}/)?([^\s/]{1,100})`,
		"the $2 $3 has no key $1. Ask the operator of YACI to set the secret again."),
	permanent(`(?i)(secret|configmap) "?([^"\s]{1,100})"? not found`,
		"the $1 $2 does not exist any more. Ask the operator of YACI to set the secret again."),
	transient(`no space left on device`,
		"the disk of the node is full (no space left). Retry the run, or ask the operator of the cluster."),
	permanent(`(?i)OOM-killed|memory limit too low|cannot allocate memory|memory\.max`,
		"its memory limit is too small to start it. Raise resources.memory."),
	permanent(`(?i)no runtime for "([^"]{1,60})"|runtime handler "?([^"\s]{1,60})"?`,
		"the node does not have the container runtime that YACI_RUNTIME_CLASS names. Ask the operator of YACI."),
	permanent(`(?i)no command specified`,
		"the image has no command of its own. Set one, or use another image."),
	permanent(`(?i)apparmor|seccomp|selinux`,
		"the node cannot apply the security profile of builds. Ask the operator of the cluster."),
	transient(`(?i)resource temporarily unavailable`,
		"the node has no room for another process. Retry the run, or ask the operator of the cluster."),
	permanent(`(?i)mount|subPath|read-only file system|rootfs`,
		"a directory of the job cannot be mounted into the image. "+
			runner.WorkspaceDir+" and "+runner.Dir+" must not be files or links in it."),
	transient(`(?i)timeout|timed out|deadline exceeded|not yet been read|connection refused|`+
		`name is reserved|name .{1,300} is reserved`,
		"the node did not start it in time. Retry the run."),
}

// explainStartError explains why a container cannot be started.
func explainStartError(message string) explanation {
	if e, ok := explain(startErrors, message); ok {
		return e
	}
	return explanation{
		message:   "the node could not start it. The page of the job has the node's own message.",
		transient: true,
	}
}

// startError returns the container runtime's message if it could not start a container. It returns "" if the container
// ended in another way, or t is nil.
func startError(t *corev1.ContainerStateTerminated) string {
	if t == nil || t.Reason != "StartError" && t.Reason != "ContainerCannotRun" {
		return ""
	}
	if t.Message == "" {
		return t.Reason
	}
	return t.Message
}

// setStartErrorDetail stores the runtime's message about the first of some containers that it could not start.
func (v *Verdict) setStartErrorDetail(statuses map[string]corev1.ContainerStatus, containers ...string) {
	for _, name := range containers {
		if text := startError(lastTermination(statuses[name])); text != "" {
			v.setDetail(text)
			return
		}
	}
}

var (
	webhookDenial   = regexp.MustCompile(`admission webhook "([^"]{1,80})" denied`)
	limitRangeLimit = regexp.MustCompile(
		`(?:maximum|minimum) [\w.-]+ usage per (?:Container|Pod)|max limit to request ratio`)
)

// explainRefusal explains why the cluster does not create a pod.
func explainRefusal(refusal string) string {
	webhook := webhookDenial.FindStringSubmatch(refusal)
	switch {
	case strings.Contains(refusal, "violates PodSecurity"):
		return "it violates PodSecurity of the namespace. The operator must set a lower level, or use another namespace."
	case webhook != nil:
		return "the admission webhook " + webhook[1] + " denied it. Ask the operator of the cluster."
	case limitRangeLimit.MatchString(refusal):
		return "a LimitRange of the namespace does not allow its resources. Change resources, or ask the operator."
	case strings.Contains(refusal, "RuntimeClass"):
		return "its RuntimeClass does not exist. Ask the operator of the cluster."
	case strings.Contains(refusal, "serviceaccount"), strings.Contains(refusal, "service account"):
		return "its service account does not exist. Ask the operator of the cluster."
	}
	return "the page of the job has the cluster's message."
}
