package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/yaci-ci/yaci/internal/doctor"
)

// TestRedTeam: a step tries to get at everything around it, beside a pod of
// another run that has a secret. Nothing succeeds; what only a network plugin can
// hold, and this cluster's does not, is what yaci doctor reports, no more and no less.
func TestRedTeam(t *testing.T) {
	client := Clientset(t)
	tools := os.Getenv("YACI_TOOLS_IMAGE")
	if tools == "" {
		t.Skip("no image with tools: run make test")
	}
	shutIn(t)
	w := NewWorld(t)
	keepSecret(t, "VICTIM_KEY", "VICTIM-SECRET-hunter2", "ada/victim")
	w.push(
		w.Repo("victim", true),
		"image: IMAGE\nsteps:\n  - name: serve\n    secrets: [VICTIM_KEY]\n    run: 'while :; do echo peer-hello | nc -l -p 7946; done'\n",
	)
	victim := w.theirPod(client)
	w.Until("the victim has an address", func() bool {
		victim = must(client.CoreV1().Pods(BuildNamespace).Get(t.Context(), victim.Name, metav1.GetOptions{}))(t)
		return victim.Status.PodIP != ""
	})
	node := must(client.CoreV1().Nodes().Get(t.Context(), victim.Spec.NodeName, metav1.GetOptions{}))(t)

	r := w.Repo("attacker", true)
	clone := must(r.Clone(t.TempDir(), w.Ada))(t)
	script := must(os.ReadFile("testdata/redteam.sh"))(t)
	sha := must(clone.Push("Attack", map[string]string{"redteam.sh": string(script), ".yaci.yml": fmt.Sprintf(
		"image: %s\nshell: bash\ntimeout: 10m\nsteps:\n  - {name: attack, quiet: true, run: 'bash redteam.sh %s %s %d %s'}\n",
		tools, victim.Status.PodIP, victim.Status.HostIP, node.Status.DaemonEndpoints.KubeletEndpoint.Port, apiPort(t))}))(t)
	w.Drain()
	if st := w.Final(r, sha); st.State != "success" {
		t.Fatalf("the attack did not come to its end: %+v", st)
	}
	log := w.logOf(t, "attacker")
	held := 0
	reached := false
	mapped := false
	for line := range strings.Lines(log) {
		switch word, rest, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "HELD":
			held++
		case "REACHED":
			reached = true
		case "UIDMAP":
			mapped = rest != "0"
		default:
			t.Errorf("%s", strings.TrimSpace(line))
		}
	}
	t.Logf("%d attempts held; another pod reached: %v; a user namespace of its own: %v", held, reached, mapped)
	if held < 45 {
		t.Errorf("only %d attempts:\n%s", held, log)
	}
	found := w.doctor(t)
	for check, want := range map[string]bool{"network policy": !reached, "user namespaces": mapped, "pod hardening": true, "pod security": true, "cluster permissions": true,
		"settings": true, "database": true, "clock": true, "App permissions": true, "webhook": true} {
		unknown := check == "network policy" && want && found[check].Level == doctor.Unknown
		f := found[check]
		if (f.Level == doctor.Good) != want && !unknown {
			t.Errorf("%s: %+v, want it good: %v", check, f, want)
		}
	}
	f := found["network policy"]
	if reached && (f.Level != doctor.Warning || !strings.Contains(f.Summary, "another pod")) {
		t.Errorf("a pod was reached, and the doctor says %+v", f)
	}
}

// shutIn applies the policy that is installed with YACI, if it is not there yet.
func shutIn(t *testing.T) {
	t.Helper()
	client := Clientset(t)
	var policy networkingv1.NetworkPolicy
	first, _, _ := strings.Cut(string(must(os.ReadFile("../../deploy/base/network.yaml"))(t)), "\n---\n")
	if err := yaml.Unmarshal([]byte(first), &policy); err != nil {
		t.Fatal(err)
	}
	policies := client.NetworkingV1().NetworkPolicies(BuildNamespace)
	_, err := policies.Create(t.Context(), &policy, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	if err == nil {
		t.Cleanup(func() { policies.Delete(context.Background(), policy.Name, metav1.DeleteOptions{}) })
	}
}

// apiPort is where the API server listens.
func apiPort(t *testing.T) string {
	t.Helper()
	cfg := RESTConfig(t)
	u := must(url.Parse(cfg.Host))(t)
	if u.Port() == "" {
		return "443"
	}
	return u.Port()
}

// logOf is the log of the only step of a repository's newest run.
func (w *World) logOf(t *testing.T, repo string) string {
	t.Helper()
	var page struct{ Runs []struct{ ID string } }
	_, body := w.call("GET", "/api/v1/runs?repo=ada/"+repo, "", apiToken)
	err := json.Unmarshal([]byte(body), &page)
	if err != nil || len(page.Runs) == 0 {
		t.Fatalf("%v: %s", err, body)
	}
	var text strings.Builder
	res := w.jobLog(page.Runs[0].ID, "yaci-"+page.Runs[0].ID+"-1", 1, "follow=1")
	defer res.Body.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			return text.String()
		}
	}
}

// doctor runs yaci doctor with the server's settings and exactly the rights of its account.
func (w *World) doctor(t *testing.T, env ...string) map[string]doctor.Finding {
	t.Helper()
	account := filepath.Join(t.TempDir(), "kubeconfig")
	InstallRights(t, BuildNamespace, account)
	cmd := exec.Command("../../bin/yaci", "doctor", "--json")
	cmd.Env = append(os.Environ(), w.Settings()...)
	cmd.Env = append(cmd.Env, "KUBECONFIG="+account, "YACI_CHECKS=on", "YACI_IMAGE="+os.Getenv("YACI_IMAGE"))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	var all struct{ Findings []doctor.Finding }
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if (err != nil) != (doctor.Problems(all.Findings) > 0) {
		t.Errorf("%v with %d problems", err, doctor.Problems(all.Findings))
	}
	found := map[string]doctor.Finding{}
	for _, f := range all.Findings {
		t.Logf("%-16s %-8s %s", f.Check, f.Level, f.Summary)
		found[f.Check] = f
	}
	return found
}
