package watch

import (
	"regexp"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// What the scheduler says of the nodes that cannot take a pod (pkg/scheduler/framework/plugins:
// noderesources, tainttoleration, nodeaffinity, volumebinding, volumezone and others).
var (
	insufficient = regexp.MustCompile(`Insufficient ([\w./-]+)`)
	otherNeeds   = []struct {
		found *regexp.Regexp
		words string
	}{
		{
			regexp.MustCompile(`untolerated taint|taints? that the pod didn't tolerate`),
			"the nodes with room have taints that the job does not tolerate",
		},
		{regexp.MustCompile(`(?i)volume|persistentvolumeclaim`), "a volume that the job needs is not available on any node"},
		{regexp.MustCompile(`node affinity|node selector|affinity/selector`), "no node has the labels that the job needs"},
		{
			regexp.MustCompile(`anti-affinity|affinity rules|topology spread`),
			"no node meets the job's rules for placing pods",
		},
		{regexp.MustCompile(`didn't have free ports`), "the ports that the job needs are in use on every node"},
		{regexp.MustCompile(`were unschedulable|is unschedulable`), "the nodes are closed to new pods"},
		{regexp.MustCompile(`no nodes available`), "the cluster has no nodes"},
	}
)

// nodeShortage reads the scheduler's words about a pod that it has no node for.
// A pod that lacks an amount on some nodes and something else on others lacks the
// amount: the other nodes, such as those of the control plane, are never its own.
func nodeShortage(message string) (lacks []ci.Resource, why string) {
	// it repeats the reasons, and says what evicting others would bring
	message, _, _ = strings.Cut(message, " preemption: ")
	var names []string
	for _, m := range insufficient.FindAllStringSubmatch(message, -1) {
		lacks, names = lack(lacks, names, strings.TrimRight(m[1], "."))
	}
	if strings.Contains(message, "Too many pods") {
		lacks, names = lack(lacks, names, "pods")
	}
	if len(lacks) > 0 {
		return lacks, strings.Replace("no node has enough free "+enumerate(names), "enough free room", "room", 1)
	}
	for _, other := range otherNeeds {
		if other.found.MatchString(message) {
			return []ci.Resource{ci.ResourceOther}, other.words
		}
	}
	return []ci.Resource{ci.ResourceOther}, "no node can take the job now"
}

// lack adds a resource, by the name that Kubernetes gives it.
func lack(lacks []ci.Resource, names []string, resource string) ([]ci.Resource, []string) {
	kind, name := ci.ResourceOther, resource
	switch resource = strings.TrimPrefix(strings.TrimPrefix(resource, "requests."), "limits."); {
	case resource == "cpu":
		kind, name = ci.ResourceCPU, "CPU"
	case resource == "memory":
		kind, name = ci.ResourceMemory, "memory"
	case resource == "ephemeral-storage":
		kind, name = ci.ResourceDisk, "disk space"
	case resource == "pods", strings.HasPrefix(resource, "count/"):
		kind, name = ci.ResourcePods, "room for another pod"
	}
	if !slices.Contains(lacks, kind) {
		lacks = append(lacks, kind)
	}
	if !slices.Contains(names, name) {
		names = append(names, name)
	}
	return lacks, names
}

// exceeded is how a quota says no (plugin/pkg/admission/resourcequota).
const exceeded = "exceeded quota"

var requested = regexp.MustCompile(`requested: (.*?), used: `)

// quotaShortage reads a quota's refusal. What it says was requested is only what it has no room for.
func quotaShortage(refusal string) (lacks []ci.Resource, why string) {
	var names []string
	if m := requested.FindStringSubmatch(refusal); m != nil {
		for _, amount := range strings.Split(m[1], ",") {
			resource, _, _ := strings.Cut(strings.TrimSpace(amount), "=")
			lacks, names = lack(lacks, names, resource)
		}
	}
	if len(lacks) == 0 {
		return []ci.Resource{ci.ResourceOther}, "the quota of the namespace is used up"
	}
	for i, name := range names {
		if name == "room for another pod" {
			names[i] = "pods"
		}
	}
	return lacks, "the quota of the namespace is used up: " + enumerate(names)
}

// enumerate writes a list as people do: "CPU", "CPU and memory", "CPU, memory and disk space".
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// What registries and container runtimes say of an image that cannot be pulled. The first that is found counts:
// the runtime's text holds the registry's, and a denial by Docker Hub says "does not exist" as well.
var imageTroubles = []struct {
	found *regexp.Regexp
	words string
	final bool // another try does not change it
}{
	{regexp.MustCompile(`(?i)toomanyrequests|too many requests|rate limit|\b429\b`),
		"the registry's rate limit is reached (too many requests). Wait, or use a registry login or a mirror.", false},
	{regexp.MustCompile(`(?i)no match for platform|no matching manifest|exec format`),
		"the image is not built for the architecture of the node. Use an image for it, or one for several architectures.", true},
	{regexp.MustCompile(`(?i)signature validation|rejected by policy`),
		"the node's policy does not accept the image's signature. Use a signed image, or ask the operator of the cluster.", false},
	{regexp.MustCompile(`(?i)no such host`),
		"the registry's name cannot be resolved (no such host). Check the image's name.", false},
	{regexp.MustCompile(`(?i)connection refused`), "the registry does not answer (connection refused).", false},
	{regexp.MustCompile(`(?i)x509|certificate`), "the registry's certificate is not trusted by the node.", false},
	{
		regexp.MustCompile(
			`(?i)insufficient_scope|authorization failed|access denied|denied|unauthorized|forbidden|authentication required|\b40[13]\b`,
		),
		"the registry denied access, or the image does not exist. Check its name, and the namespace's pull secret.",
		true,
	},
	{regexp.MustCompile(`(?i)not ?found|does not exist|manifest unknown|\b404\b`),
		"the image was not found. Check its name and tag.", true},
	{
		regexp.MustCompile(`(?i)invalid reference|couldn't parse image|invalid image name`),
		"this is not a valid image name.",
		true,
	},
	{
		regexp.MustCompile(`(?i)not present`),
		"the image is not present on the node, and the cluster does not pull it.",
		true,
	},
	{
		regexp.MustCompile(
			`(?i)timeout|timed out|deadline exceeded|connection reset|\bEOF\b|is down|unavailable|\b50[0234]\b`,
		),
		"the registry does not answer.",
		false,
	},
	{regexp.MustCompile(`(?i)no space left`), "the node's disk is full (no space left).", false},
}

// imageNames matches what names an image or a place in a registry. Names and tags, such as 404, can be any words.
var imageNames = regexp.MustCompile(`"[^"]*"|\S*/\S*`)

// imageTrouble says in YACI's words why an image cannot be pulled, and whether that may pass.
func imageTrouble(message string) (why string, final bool) {
	message = imageNames.ReplaceAllString(message, " ")
	for _, trouble := range imageTroubles {
		if trouble.found.MatchString(message) {
			return trouble.words, trouble.final
		}
	}
	return "the image cannot be pulled.", false
}

// refusalWords says in YACI's words why the cluster does not take a pod.
func refusalWords(refusal string) string {
	switch webhook := admissionWebhook.FindStringSubmatch(refusal); {
	case strings.Contains(refusal, "violates PodSecurity"):
		return "it violates PodSecurity of the namespace. The operator must use a lower level there, or another namespace."
	case webhook != nil:
		return "the admission webhook " + webhook[1] + " denied it. Ask the operator of the cluster."
	case limitRange.MatchString(refusal):
		return "a LimitRange of the namespace does not allow its resources. Change resources, or ask the operator."
	case strings.Contains(refusal, "RuntimeClass"):
		return "its RuntimeClass does not exist. Ask the operator of the cluster."
	case strings.Contains(refusal, "serviceaccount"), strings.Contains(refusal, "service account"):
		return "its service account does not exist. Ask the operator of the cluster."
	}
	return "the job's page has the cluster's answer."
}

var (
	admissionWebhook = regexp.MustCompile(`admission webhook "([^"]{1,80})" denied`)
	limitRange       = regexp.MustCompile(
		`(?:maximum|minimum) [\w.-]+ usage per (?:Container|Pod)|max limit to request ratio`,
	)
)
