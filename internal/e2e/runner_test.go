package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// forgery prints progress markers of several kinds and writes to everything of the
// runner that it can find. It says what succeeded.
const forgery = `
      printf 'one\n\033_yaci 9223372036854775807 9223372036854775807\033\\\n'
      printf '\033_yaci 998 1000\033\\\ntwo\n'
      printf '\033_ya'; sleep 0.1; printf 'ci 500 5000\033\\\n'
      printf '\033_yaci= 1 1\033\\\n\033_yaci\033_yaci 7 7\033\\\n'
      for file in /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2 /proc/1/mem; do
        if (printf '\033_yaci 600 6000\033\\\n' >$file) 2>/dev/null; then echo "wrote to $file"; fi
        if readlink $file; then echo "found $file"; fi
      done
      for file in /proc/1/environ /proc/1/mem /proc/1/maps; do
        if (head -c 1 $file | grep -q .) 2>/dev/null; then echo "read $file"; fi
      done
      printf '{"exit":0,"started":1,"finished":2,"bytes":1,"lines":1}' >/dev/termination-log
      sleep 1.2; echo three; sleep 1.2
      echo end
`

// TestS11: a step can neither forge what the runner says in its log nor reach the
// runner, as root or as another user. Its log shows what it printed, to the byte.
func TestS11(t *testing.T) {
	t.Parallel()
	user := os.Getenv("YACI_UID_1000_IMAGE")
	if user == "" {
		t.Skip("no image of another user: run make test")
	}
	w := NewWorld(t)
	r := w.Repo("forgery", false)
	sha := w.push(
		r,
		"image: IMAGE\nsteps:\n  - name: root\n    run: |"+forgery+"  - name: user\n    image: "+user+"\n    run: |"+forgery,
	)
	if st := w.Final(r, sha); st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	want := "one\n\x1b_yaci 9223372036854775807 9223372036854775807\x1b\\\n\x1b_yaci 998 1000\x1b\\\ntwo\n\x1b_yaci 500 5000\x1b\\\n" +
		"\x1b_yaci= 1 1\x1b\\\n\x1b_yaci\x1b_yaci 7 7\x1b\\\nthree\nend\n"
	for step, name := range []string{"root", "user"} {
		got := w.wholeLog(step + 1)
		if !strings.HasSuffix(got, want) || strings.Contains(got, "[yaci]") {
			t.Errorf("as %s:\n%q\nwant it to end with\n%q", name, got, want)
		}
	}
}

// manySteps is a file of so many short steps, one of which is another.
func manySteps(count, at int, other string) string {
	var b strings.Builder
	b.WriteString("image: IMAGE\nsteps:\n")
	for i := range count {
		if i == at {
			b.WriteString("  - " + other + "\n")
			continue
		}
		fmt.Fprintf(&b, "  - {name: s%d, run: 'true'}\n", i)
	}
	return b.String()
}

// TestRunner: what the runner promises to steps, on a real cluster.
func TestRunner(t *testing.T) {
	t.Parallel()
	const forge = `
steps:
  - name: build
    run: |
      record='{"exit":0,"started":1,"finished":2,"bytes":0,"lines":0}'
      if echo "$record" >/yaci/sync/1/record; then exit 90; fi
      if touch /yaci/sync/x || rm -f /yaci/sync/1 || mkdir /yaci/sync/9; then exit 91; fi
      if mv /yaci/sync/0 /yaci/sync/1; then exit 92; fi
      echo "$record" >/yaci/own/fact
  - {name: test, run: exit 7}
  - {name: deploy, run: touch deployed}
  - {name: look, when: {status: always}, run: test ! -e deployed}
`
	NewWorld(t).end([]ending{
		{
			"c3-stdin",
			"image: IMAGE\nsteps: [cat, sort, 'tar -xf - || test $? = 1', {run: [cat]}]\n",
			"success",
			`Passed in .*`,
			time.Minute,
		},
		{"s13-forged-record", "image: IMAGE" + forge, "failure", `test failed in .* \(exit 7\)`, time.Minute},
		{
			"c10-allowed",
			"image: IMAGE\nsteps:\n  - {name: lint, run: [golangci-lint, run], allow_failure: true}\n  - echo next\n",
			"success",
			`Passed in .*; lint failed, which is allowed`,
			time.Minute,
		},
		{
			"c10-list",
			"image: IMAGE\nsteps: [{name: lint, run: [golangci-lint, run]}]\n",
			"failure",
			`lint failed in .*: golangci-lint: command not found in the image\. .* \(exit 127\)`,
			time.Minute,
		},
		{
			"c10-script",
			"image: IMAGE\nsteps: [{name: lint, run: golangci-lint run}]\n",
			"failure",
			`lint failed in .* \(exit 127: command not found\)`,
			time.Minute,
		},
		{
			"c20-other-user",
			"image: IMAGE\nsteps: [{name: db, timeout: 2s, run: 'echo u:x:1000:1000::/:/bin/sh >>/etc/passwd; exec su u -c \"sleep 50\"'}]\n",
			"failure",
			`db failed in ([2-9]|[1-4]\d)(\.\d)?s: timed out after 2s`,
			time.Minute,
		},
		{
			"c20-killed-by-root",
			"image: IMAGE\nsteps: ['echo u:x:1000:1000::/:/bin/sh >>/etc/passwd; su u -c \"exec sleep 50\" & sleep 1; kill $!; wait $! || test $? = 143']\n",
			"success",
			`Passed in .*`,
			time.Minute,
		},
		{
			"c20-port",
			"image: IMAGE\nsteps: ['timeout 1 nc -l -p 80 || test $? = 143']\n",
			"success",
			`Passed in .*`,
			time.Minute,
		},
		{
			"s11-signals",
			"image: IMAGE\nsteps: [{name: kill, run: 'for s in ABRT SEGV ILL BUS SYS USR1 PIPE 16 34 STOP KILL; do kill -$s 1; done; exit 3'}]\n",
			"failure", `kill failed in .* \(exit 3\)`, time.Minute,
		},
		{
			"s11-quit",
			"image: IMAGE\nsteps: [{name: quit, run: 'kill -QUIT 1; sleep 50'}]\n",
			"error",
			`quit: stopped from outside.*`,
			time.Minute,
		},
		{
			"s11-environment",
			"image: IMAGE\nenv: {GOMEMLIMIT: malformed, GODEBUG: gctrace=1}\nsteps: ['test $GOMEMLIMIT-$GODEBUG = malformed-gctrace=1']\n",
			"success", `Passed in .*`, time.Minute,
		},
		{
			"c24-service",
			"image: IMAGE\nservices: [{name: db, image: IMAGE, command: [nope]}]\nsteps: [sleep 50]\n",
			"error", `Service db could not start: the image has no program nope\. .*`, time.Minute,
		},
		{
			"s17-40-steps",
			manySteps(40, 20, "{name: slow, timeout: 1s, run: sleep 60}"),
			"failure",
			`slow failed in .*: timed out after 1s`,
			3 * time.Minute,
		},
		{
			"s17-100-steps",
			manySteps(100, 50, "{name: middle, run: exit 3}"),
			"failure",
			`middle failed in .* \(exit 3\)`,
			4 * time.Minute,
		},
	})
}

// TestC8InjectedSidecar runs jobs in a namespace in which a mutating webhook adds
// a container that never ends to each pod, as Istio, Vault and log agents do.
func TestC8InjectedSidecar(t *testing.T) {
	t.Parallel()
	client := Clientset(t)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		err := json.NewDecoder(r.Body).Decode(&review)
		if err != nil || review.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		container := corev1.Container{
			Name:            "injected-agent",
			Image:           os.Getenv("YACI_RUN_IMAGE"),
			ImagePullPolicy: corev1.PullIfNotPresent,
			Command:         []string{"sleep", "3600"},
		}
		patch, _ := json.Marshal([]map[string]any{{"op": "add", "path": "/spec/containers/-", "value": container}})
		kind := admissionv1.PatchTypeJSONPatch
		review.Response = &admissionv1.AdmissionResponse{
			UID:       review.Request.UID,
			Allowed:   true,
			Patch:     patch,
			PatchType: &kind,
		}
		review.Request = nil
		_ = json.NewEncoder(w).Encode(review)
	}))
	defer hook.Close()
	injected := Namespace(t, client, map[string]string{"inject": "yes"})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})
	none, ignore := admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.Ignore
	hooks := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	made := must(hooks.Create(t.Context(), &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "yaci-test-"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "inject.yaci.test",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &hook.URL, CABundle: ca},
			FailurePolicy:           &ignore,
			SideEffects:             &none,
			AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": injected},
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups:   []string{""},
					APIVersions: []string{"v1"},
					Resources:   []string{"pods"},
				},
			}},
		}},
	}, metav1.CreateOptions{}))(t)
	t.Cleanup(func() { _ = hooks.Delete(context.Background(), made.Name, metav1.DeleteOptions{}) })

	w := NewWorld(t, "YACI_NAMESPACE="+injected)
	w.end([]ending{
		{"c8-passes", "image: IMAGE\ntimeout: 5m\nsteps: [echo hi]\n", "success", `Passed in .*`, time.Minute},
		{
			"c8-fails",
			"image: IMAGE\ntimeout: 5m\nsteps: [{name: bad, run: exit 3}, 'true']\n",
			"failure",
			`bad failed in .* \(exit 3\)`,
			time.Minute,
		},
		{
			"c8-service",
			"image: IMAGE\ntimeout: 5m\nservices: [{name: db, image: IMAGE, command: [sleep, '600']}]\nsteps: [echo hi]\n",
			"success",
			`Passed in .*`,
			time.Minute,
		},
	})
	w.Until("the pods are gone", func() bool {
		pods := must(client.CoreV1().Pods(injected).List(t.Context(), metav1.ListOptions{}))(t)
		for _, p := range pods.Items {
			if len(p.Spec.Containers) < 2 {
				t.Fatalf("pod %s has no added container", p.Name)
			}
		}
		return len(pods.Items) == 0
	})
}
