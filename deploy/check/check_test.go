package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

type object = map[string]any

// keyed puts objects under kind, namespace and name.
func keyed(t *testing.T, text string) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, doc := range strings.Split(text, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if len(o) == 0 {
			continue
		}
		meta := o["metadata"].(object)
		all[fmt.Sprint(o["kind"], " ", meta["namespace"], "/", meta["name"])] = o
	}
	return all
}

func kustomize(t *testing.T, dir string) map[string]object {
	t.Helper()
	res, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := res.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return keyed(t, string(text))
}

func helm(t *testing.T, values object) map[string]object {
	t.Helper()
	chart, err := loader.Load("../helm/yaci")
	if err != nil {
		t.Fatal(err)
	}
	render, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: "yaci", Namespace: "yaci"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(chart, render)
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	for _, text := range files {
		docs = append(docs, text)
	}
	return keyed(t, strings.Join(docs, "\n---\n"))
}

func TestChartIsTheBase(t *testing.T) {
	for name, c := range map[string]struct {
		dir    string
		values object
	}{"base": {"../base", nil}, "postgres": {"../postgres", object{"postgres": true}}, "forks": {"../forks", object{"forksNamespace": "yaci-forks"}}} {
		want, got := kustomize(t, c.dir), helm(t, c.values)
		for key := range want {
			a, _ := yaml.Marshal(want[key])
			b, _ := yaml.Marshal(got[key])
			if string(a) != string(b) {
				t.Errorf("%s: %s differs:\nkustomize:\n%s\nhelm:\n%s", name, key, a, b)
			}
		}
		for key := range got {
			if want[key] == nil {
				t.Errorf("%s: only the chart has %s", name, key)
			}
		}
		if len(want) < 12 {
			t.Errorf("%s: only %d objects", name, len(want))
		}
	}
}

// The server may do what is listed here and nothing else; no rule reads a Secret.
func TestRole(t *testing.T) {
	all := kustomize(t, "../forks")
	rules := func(name string) (list []string) {
		for _, r := range all["Role "+name]["rules"].([]any) {
			rule := r.(object)
			list = append(list, fmt.Sprint(rule["apiGroups"], rule["resources"], rule["verbs"]))
		}
		return list
	}
	forks := []string{
		"[batch] [jobs] [create get list watch patch delete]", "[] [pods] [get list watch]", "[] [pods/log] [get]",
		"[] [secrets] [create update delete]", "[] [events] [list]", "[] [limitranges] [list]",
	}
	builds := slices.Insert(slices.Clone(forks), 4, "[] [configmaps] [list]")
	builds = append(builds, "[coordination.k8s.io] [leases] [create get update]")
	for name, want := range map[string][]string{"yaci-builds/yaci": builds, "yaci-forks/yaci": forks} {
		if got := rules(name); !slices.Equal(got, want) {
			t.Errorf("%s: rules\n%q, want\n%q", name, got, want)
		}
	}
	for key, o := range all {
		if strings.HasPrefix(key, "ClusterRole ") &&
			fmt.Sprint(o["rules"]) != "[map[apiGroups:[] resources:[nodes] verbs:[list]]]" {
			t.Errorf("%s: %v; of the whole cluster, nodes may be listed and no more", key, o["rules"])
		}
	}
}

func TestServerIsRestricted(t *testing.T) {
	for _, dir := range []string{"../base", "../postgres"} {
		spec := kustomize(t, dir)["Deployment yaci/yaci"]["spec"].(object)["template"].(object)["spec"].(object)
		c := spec["containers"].([]any)[0].(object)
		sec, pod := c["securityContext"].(object), spec["securityContext"].(object)
		if pod["runAsNonRoot"] != true || sec["readOnlyRootFilesystem"] != true || sec["allowPrivilegeEscalation"] != false ||
			fmt.Sprint(sec["capabilities"]) != "map[drop:[ALL]]" {
			t.Errorf("%s: pod %v, container %v", dir, pod, sec)
		}
		if c["readinessProbe"] == nil || c["livenessProbe"] == nil {
			t.Errorf("%s: no probes", dir)
		}
	}
}

// Builds reach the internet and nothing else [GitLab #3642].
func TestBuildsAreShutIn(t *testing.T) {
	all := kustomize(t, "../forks")
	policy := fmt.Sprint(all["NetworkPolicy yaci-builds/builds"])
	if forks := all["NetworkPolicy yaci-forks/builds"]; fmt.Sprint(
		forks["spec"],
	) != fmt.Sprint(
		all["NetworkPolicy yaci-builds/builds"]["spec"],
	) {
		t.Errorf("forks: %v", forks)
	}
	for _, cidr := range []string{"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "2000::/3", "[Ingress Egress]"} {
		if !strings.Contains(policy, cidr) {
			t.Errorf("%s is not in %s", cidr, policy)
		}
	}
	for _, space := range []string{"yaci-builds", "yaci-forks"} {
		if labels := fmt.Sprint(all["Namespace <nil>/"+space]["metadata"]); !strings.Contains(labels, "enforce:baseline") {
			t.Errorf("%s: labels %s", space, labels)
		}
	}
}
