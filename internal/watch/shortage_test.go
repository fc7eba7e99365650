package watch

import (
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestC24SchedulersWords: a message of the scheduler is explained, and what the pod lacks is found.
func TestC24SchedulersWords(t *testing.T) {
	for message, want := range map[string]struct {
		lacks []ci.Resource
		why   string
	}{
		"0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are " +
			"available: 1 No preemption victims found for incoming pod.": {
			[]ci.Resource{ci.ResourceCPU}, "no node has enough free CPU"},
		"0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) had untolerated taint " +
			"{node-role.kubernetes.io/control-plane: }.": {
			[]ci.Resource{ci.ResourceCPU, ci.ResourceMemory}, "no node has enough free CPU and memory"},
		"0/2 nodes are available: 2 Insufficient ephemeral-storage.": {
			[]ci.Resource{ci.ResourceDisk},
			"no node has enough free disk space",
		},
		"0/2 nodes are available: 2 Too many pods.": {
			[]ci.Resource{ci.ResourcePods},
			"no node has room for another pod",
		},
		"0/2 nodes are available: 2 Insufficient nvidia.com/gpu.": {
			[]ci.Resource{ci.ResourceOther},
			"no node has enough free nvidia.com/gpu",
		},
		"0/2 nodes are available: 2 node(s) had untolerated taint {a: b}. preemption: 0/2 nodes are available: 2 " +
			"Insufficient cpu.": {
			[]ci.Resource{ci.ResourceOther}, "the nodes with room have taints that the job does not tolerate"},
		"0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.": {
			[]ci.Resource{ci.ResourceOther},
			"no node has the labels that the job needs",
		},
		"0/2 nodes are available: 2 node(s) had volume node affinity conflict.": {
			[]ci.Resource{ci.ResourceOther},
			"a volume that the job needs is not available on any node",
		},
		"0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.": {
			[]ci.Resource{ci.ResourceOther},
			"a volume that the job needs is not available on any node",
		},
		"0/2 nodes are available: 2 node(s) were unschedulable.": {
			[]ci.Resource{ci.ResourceOther},
			"the nodes are closed to new pods",
		},
		"no nodes available to schedule pods": {
			[]ci.Resource{ci.ResourceOther},
			"the cluster has no nodes",
		},
		"0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.": {
			[]ci.Resource{ci.ResourceOther},
			"no node meets the job's rules for placing pods",
		},
		"":              {[]ci.Resource{ci.ResourceOther}, "no node can take the job now"},
		"something new": {[]ci.Resource{ci.ResourceOther}, "no node can take the job now"},
	} {
		lacks, why := nodeShortage(message)
		if !slices.Equal(lacks, want.lacks) || why != want.why {
			t.Errorf("%q:\n%v %q\nwant %v %q", message, lacks, why, want.lacks, want.why)
		}
	}
}

func TestC24QuotasWords(t *testing.T) {
	for refusal, want := range map[string]struct {
		lacks []ci.Resource
		why   string
	}{
		`pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`: {
			[]ci.Resource{ci.ResourcePods},
			"the quota of the namespace is used up: pods",
		},
		`pods "x" is forbidden: exceeded quota: q, requested: limits.memory=2Gi,requests.cpu=1, used: ` +
			`limits.memory=1Gi,requests.cpu=3, limited: limits.memory=2Gi,requests.cpu=3`: {
			[]ci.Resource{ci.ResourceMemory, ci.ResourceCPU}, "the quota of the namespace is used up: memory and CPU"},
		`exceeded quota: q, requested: count/pods=1, used: count/pods=1, limited: count/pods=1`: {
			[]ci.Resource{ci.ResourcePods},
			"the quota of the namespace is used up: pods",
		},
		`exceeded quota`: {[]ci.Resource{ci.ResourceOther}, "the quota of the namespace is used up"},
	} {
		lacks, why := quotaShortage(refusal)
		if !slices.Equal(lacks, want.lacks) || why != want.why {
			t.Errorf("%q:\n%v %q\nwant %v %q", refusal, lacks, why, want.lacks, want.why)
		}
	}
}

func TestC24RegistrysWords(t *testing.T) {
	for message, want := range map[string]struct {
		part  string
		final bool
	}{
		`rpc error: code = NotFound desc = failed to pull and unpack image "r.io/x:1": failed to resolve reference ` +
			`"r.io/x:1": r.io/x:1: not found`: {
			"was not found",
			true,
		},
		`pull access denied for x, repository does not exist or may require authorization: server message: ` +
			`insufficient_scope: authorization failed`: {
			"denied access",
			true,
		},
		`unexpected status from HEAD request to https://r.io/v2/x/manifests/1: 401 Unauthorized`: {
			"denied access",
			true,
		},
		`429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit`: {
			"rate limit",
			false,
		},
		`dial tcp 10.0.0.1:443: i/o timeout`:                                               {"does not answer", false},
		`Head "https://r.io/v2/x": dial tcp: lookup r.io on 10.96.0.10:53: no such host`:   {"cannot be resolved", false},
		`tls: failed to verify certificate: x509: certificate signed by unknown authority`: {"certificate", false},
		`no match for platform in manifest: not found`:                                     {"architecture", true},
		`unexpected status: 503 Service Unavailable`:                                       {"does not answer", false},
		`write /var/lib/x: no space left on device`:                                        {"disk is full", false},
		`Back-off pulling image "alpine"`:                                                  {"cannot be pulled", false},
		`Back-off pulling image "r.io/denied:404"`:                                         {"cannot be pulled", false},
		`failed to pull and unpack image "r.io/not-found/x:401": failed to resolve reference "r.io/not-found/x:401": ` +
			`failed to do request: Head "https://r.io/v2/not-found/x/manifests/401": dial tcp 10.0.0.1:443: i/o timeout`: {
			"does not answer",
			false,
		},
		`unexpected status from GET request to https://r.io/v2/429/manifests/404: 503 Service Unavailable`: {
			"does not answer",
			false,
		},
		`initializing source docker://r.io/forbidden/x:403: pinging container registry r.io: connection refused`: {
			"does not answer",
			false,
		},
	} {
		got := explainPullError(message)
		why, final := got.message, !got.transient
		if !strings.Contains(why, want.part) || final != want.final {
			t.Errorf("%q: %q, final %v; want %q, %v", message, why, final, want.part, want.final)
		}
	}
}

// TestC24RefusalsWords: explanations fit into a status, and do not repeat the cluster's text.
func TestC24RefusalsWords(t *testing.T) {
	for refusal, part := range map[string]string{
		`pods "x" is forbidden: violates PodSecurity "restricted:latest": ` +
			`allowPrivilegeEscalation != false`: "PodSecurity",
		`admission webhook "policy.example.com" ` +
			`denied the request: ` + strings.Repeat("x", 500): "policy.example.com",
		`pods "x" is forbidden: maximum cpu usage per ` +
			`Container is 1, but limit is 2`: "LimitRange",
		`pods "x" is forbidden: pod rejected: ` +
			`RuntimeClass "gvisor" not found`: "RuntimeClass",
		`pods "x" is forbidden: error looking up service account ` +
			`builds/default: serviceaccount "default" not found`: "service account",
		strings.Repeat("something new ", 50): "page",
	} {
		got := "The cluster refuses the job's pod: " + explainRefusal(refusal)
		if !strings.Contains(got, part) || len(got) > 160 {
			t.Errorf("%.60q: %q", refusal, got)
		}
	}
}
