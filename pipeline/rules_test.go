package pipeline_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// A rule holds for every Job, whatever the file says. Its name carries the ids of the attacks on other CI systems that
// it stops (internal/arch/threats_test.go).
type rule struct {
	name string

	// broken returns what of a Job breaks the rule, or "".
	broken func(j *batchv1.Job) string

	// attack changes a Job of one step so that it breaks the rule, to show that the rule would notice.
	attack func(j *batchv1.Job)
}

// brokenRule returns the first rule that a Job breaks and how, or "".
func brokenRule(j *batchv1.Job) string {
	for _, r := range rules() {
		if why := r.broken(j); why != "" {
			return r.name + ": " + why
		}
	}
	return ""
}

func pod(j *batchv1.Job) *corev1.PodSpec { return &j.Spec.Template.Spec }

// step returns the first step's container.
func step(j *batchv1.Job) *corev1.Container { return &pod(j).Containers[0] }

// containers returns the init containers, the first of which clones, and then the steps.
func containers(j *batchv1.Job) []corev1.Container {
	return slices.Concat(pod(j).InitContainers, pod(j).Containers)
}

// first returns what is wrong with the first container with which something is wrong.
func first(j *batchv1.Job, wrong func(c corev1.Container) string) string {
	for _, c := range containers(j) {
		if why := wrong(c); why != "" {
			return fmt.Sprintf("container %s: %s", c.Name, why)
		}
	}
	return ""
}

// complaint is text if something is wrong, and otherwise "".
func complaint(wrong bool, text string) string {
	if wrong {
		return text
	}
	return ""
}

// rules are all rules, those of the pod before those of its containers.
func rules() []rule {
	return slices.Concat(podRules(), containerRules(), mountRules(), environmentRules())
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func podRules() []rule {
	return []rule{
		{
			name: "names are labels: CVE-2026-33022",
			broken: func(j *batchv1.Job) string {
				names := map[string]bool{}
				for _, c := range containers(j) {
					if names[c.Name] {
						return "two containers are called " + c.Name
					}
					if !label.MatchString(c.Name) {
						return "container " + c.Name
					}
					names[c.Name] = true
				}
				return complaint(!label.MatchString(j.Name), "job "+j.Name)
			},
			attack: func(j *batchv1.Job) { step(j).Name = strings.Repeat("x", 64) },
		},
		{
			name: "one try, and a deadline",
			broken: func(j *batchv1.Job) string {
				seconds := *j.Spec.ActiveDeadlineSeconds
				if seconds < 1 || seconds > 6*3600 {
					return fmt.Sprintf("deadline %d s", seconds)
				}
				again := *j.Spec.BackoffLimit != 0 || pod(j).RestartPolicy != corev1.RestartPolicyNever
				return complaint(again, "it is tried again")
			},
			attack: func(j *batchv1.Job) { *j.Spec.ActiveDeadlineSeconds = 7 * 3600 },
		},
		{
			name: "no namespace of the host: CVE-2019-5736, CVE-2021-30465",
			broken: func(j *batchv1.Job) string {
				p := pod(j)
				return complaint(p.HostNetwork || p.HostPID || p.HostIPC || p.ShareProcessNamespace != nil, "a namespace is shared")
			},
			attack: func(j *batchv1.Job) { pod(j).HostPID = true },
		},
		{
			name: "the operator places the pod",
			broken: func(j *batchv1.Job) string {
				p := pod(j)
				placed := p.NodeName != "" || len(p.NodeSelector) > 0 || p.Affinity != nil || len(p.Tolerations) > 0
				if placed {
					return "a node is chosen"
				}
				return complaint(p.PriorityClassName != "" || len(p.ImagePullSecrets) > 0, "priority or pull secrets are set")
			},
			attack: func(j *batchv1.Job) { pod(j).NodeName = "control-plane" },
		},
		{
			name: "no service account of the file's choice, and no token of it: CVE-2026-61549, Woodpecker #6809",
			broken: func(j *batchv1.Job) string {
				p := pod(j)
				if p.ServiceAccountName != "default" {
					return "service account " + p.ServiceAccountName
				}
				shown := *p.AutomountServiceAccountToken || *p.EnableServiceLinks
				return complaint(shown, "a token or services are shown to the pod")
			},
			attack: func(j *batchv1.Job) { pod(j).ServiceAccountName = "admin" },
		},
		{
			name: "the runtime's seccomp profile",
			broken: func(j *batchv1.Job) string {
				profile := pod(j).SecurityContext.SeccompProfile.Type
				return complaint(profile != corev1.SeccompProfileTypeRuntimeDefault, "another profile")
			},
			attack: func(j *batchv1.Job) {
				pod(j).SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
			},
		},
		{
			name: "volumes are of this pod alone: CVE-2021-25741, CVE-2024-10220, CVE-2022-25175, Tekton shared PVC",
			broken: func(j *batchv1.Job) string {
				for _, v := range pod(j).Volumes {
					limited := v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil && v.EmptyDir.SizeLimit.Sign() > 0
					seed := v.Name == "seed" && v.Secret != nil && v.Secret.SecretName == j.Name
					if !limited && !seed {
						return "volume " + v.Name
					}
				}
				return ""
			},
			attack: func(j *batchv1.Job) {
				pod(j).Volumes = append(pod(j).Volumes, corev1.Volume{Name: "cache", VolumeSource: corev1.VolumeSource{
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "shared"},
				}})
			},
		},
		{
			name: "the first container, and no other, clones",
			broken: func(j *batchv1.Job) string {
				for i, c := range containers(j) {
					if (i == 0) != (c.Name == runner.CloneContainer) {
						return fmt.Sprintf("container %d is %s", i, c.Name)
					}
				}
				return complaint(len(pod(j).InitContainers) == 0, "no init container")
			},
			attack: func(j *batchv1.Job) { step(j).Name = runner.CloneContainer },
		},
	}
}

func containerRules() []rule {
	return []rule{
		{
			name: "no privileges: Woodpecker #1646",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					s := c.SecurityContext
					if *s.Privileged || *s.AllowPrivilegeEscalation {
						return "privileged"
					}
					return complaint(s.SeccompProfile != nil || s.ProcMount != nil, "a profile or a /proc of its own")
				})
			},
			attack: func(j *batchv1.Job) { *step(j).SecurityContext.Privileged = true },
		},
		{
			name: "few capabilities: GitLab #26833",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					have := c.SecurityContext.Capabilities
					if !slices.Equal(have.Drop, []corev1.Capability{"ALL"}) {
						return "not all capabilities are dropped"
					}
					return complaint(!slices.Equal(have.Add, capabilities(c)), fmt.Sprintf("capabilities %v", have.Add))
				})
			},
			attack: func(j *batchv1.Job) {
				have := step(j).SecurityContext.Capabilities
				have.Add = append(slices.Clone(have.Add), "NET_RAW")
			},
		},
		{
			name: "limits of memory and disk",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					limits := c.Resources.Limits
					return complaint(limits.Memory().Sign() <= 0 || limits.StorageEphemeral().Sign() <= 0, "no limit")
				})
			},
			attack: func(j *batchv1.Job) { step(j).Resources.Limits = nil },
		},
		{
			name: "no ports, hooks, devices or foreign variables",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					has := len(c.Ports) > 0 || c.Lifecycle != nil || len(c.VolumeDevices) > 0 || len(c.EnvFrom) > 0
					return complaint(has, "it has one")
				})
			},
			attack: func(j *batchv1.Job) { step(j).EnvFrom = []corev1.EnvFromSource{{Prefix: "X"}} },
		},
		{
			name: "no name that the pusher chose is an argument: CVE-2026-40938",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					for _, word := range slices.Concat(c.Command, c.Args) {
						if strings.Contains(word, optionBranch) {
							return "argument " + word
						}
					}
					return ""
				})
			},
			attack: func(j *batchv1.Job) { step(j).Args = append(step(j).Args, optionBranch) },
		},
	}
}

// optionBranch is the name of a branch that git would take for an option.
const optionBranch = "--upload-pack=x"

// capabilities are all that a container may have.
func capabilities(c corev1.Container) []corev1.Capability {
	if c.Name == runner.CloneContainer {
		return nil
	}
	return []corev1.Capability{
		"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETUID",
	}
}

func mountRules() []rule {
	return []rule{
		{
			name: "the token and the plan are mounted where the clone runs, and nowhere else",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					seed := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "seed" })
					return complaint(seed && c.Name != runner.CloneContainer, "it sees them")
				})
			},
			attack: func(j *batchv1.Job) {
				step(j).VolumeMounts = append(step(j).VolumeMounts, corev1.VolumeMount{Name: "seed", MountPath: "/x"})
			},
		},
		{
			name: "the runner and the hand-over are read-only: CVE-2024-41121",
			broken: func(j *batchv1.Job) string {
				return eachMount(j, func(m corev1.VolumeMount, clone, own bool) string {
					shared := m.Name == "bin" || m.Name == "sync"
					return complaint(shared && !clone && !own && !m.ReadOnly, "it can be written")
				})
			},
			attack: func(j *batchv1.Job) {
				for i := range step(j).VolumeMounts {
					step(j).VolumeMounts[i].ReadOnly = false
				}
			},
		},
		{
			name: "no paths within volumes but a step's own: CVE-2026-40923",
			broken: func(j *batchv1.Job) string {
				return eachMount(j, func(m corev1.VolumeMount, _, own bool) string {
					return complaint(m.SubPathExpr != "" || m.SubPath != "" && !own, "path "+m.SubPath+m.SubPathExpr)
				})
			},
			attack: func(j *batchv1.Job) { step(j).VolumeMounts[0].SubPath = "../.." },
		},
	}
}

// eachMount returns what is wrong with the first mount with which something is wrong. A mount is a step's own if it is
// its part of the hand-over, the workspace, or the home.
func eachMount(j *batchv1.Job, wrong func(m corev1.VolumeMount, clone, own bool) string) string {
	for i, c := range containers(j) {
		number := i - len(pod(j).InitContainers)
		for _, m := range c.VolumeMounts {
			handover := m.Name == "sync" && m.SubPath == strconv.Itoa(number)
			workspace := m.Name == "workspace" && (m.SubPath == "workspace" || m.SubPath == "home")
			own := number >= 0 && (handover || workspace)
			if why := wrong(m, c.Name == runner.CloneContainer, own); why != "" {
				return fmt.Sprintf("container %s: mount %s: %s", c.Name, m.Name, why)
			}
		}
	}
	return ""
}

func environmentRules() []rule {
	return []rule{
		{
			name: "the file sets no variable of the clone: CVE-2024-41122",
			broken: func(j *batchv1.Job) string {
				for _, e := range containers(j)[0].Env {
					if !strings.HasPrefix(e.Name, "YACI_") && e.Name != "HOME" {
						return "variable " + e.Name
					}
				}
				return ""
			},
			attack: func(j *batchv1.Job) {
				clone := &pod(j).InitContainers[0]
				clone.Env = append(clone.Env, corev1.EnvVar{Name: "GIT_SSH_COMMAND", Value: "x"})
			},
		},
		{
			name: "each variable once, and from granted secrets alone",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					seen := map[string]bool{}
					for _, e := range c.Env {
						if seen[e.Name] {
							return e.Name + " is set twice"
						}
						seen[e.Name] = true
						if e.ValueFrom != nil && !granted(c, e) {
							return e.Name + " comes from elsewhere"
						}
					}
					return ""
				})
			},
			attack: func(j *batchv1.Job) {
				step(j).Env = append(step(j).Env, corev1.EnvVar{Name: "X", ValueFrom: &corev1.EnvVarSource{
					SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "yaci-app"}},
				}})
			},
		},
		{
			name: "Kubernetes expands nothing: CVE-2020-26294, CVE-2024-28236",
			broken: func(j *batchv1.Job) string {
				return first(j, func(c corev1.Container) string {
					for _, e := range c.Env {
						if strings.Contains(strings.ReplaceAll(e.Value, "$$", ""), "$") {
							return fmt.Sprintf("%s is %q, where a $ is not doubled", e.Name, e.Value)
						}
					}
					return ""
				})
			},
			attack: func(j *batchv1.Job) {
				step(j).Env = append(step(j).Env, corev1.EnvVar{Name: "X", Value: "$(TOKEN)"})
			},
		},
	}
}

// granted reports whether a step's variable comes from the Secret that the tests grant.
func granted(c corev1.Container, e corev1.EnvVar) bool {
	ref := e.ValueFrom.SecretKeyRef
	return ref != nil && ref.Name == "granted" && c.Name != runner.CloneContainer
}
