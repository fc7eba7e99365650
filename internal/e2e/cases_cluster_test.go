package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// clusterTrials are about clusters that are not as YACI would have them. Each has a
// namespace, and a server, of its own.
func clusterTrials() []trial {
	return []trial{
		{"f09-injected-sidecar", "the outcome is that of YACI's own containers, and the pod goes then", func(c *played) {
			space := Namespace(c.T, Clientset(c.T), map[string]string{"yaci-test-inject": c.id})
			inject(c.T, "yaci-test-inject", c.id)
			own := c.elsewhere("YACI_NAMESPACE=" + space)
			_, sha := own.pushes(nil)
			began := time.Now()
			own.ends(sha, "success", "Passed in ")
			if took := time.Since(began); took > 40*time.Second {
				c.T.Errorf("it ended after %v", took)
			}
			own.Until("the pod goes", func() bool {
				return len(must(Clientset(c.T).CoreV1().Pods(space).List(c.T.Context(), metav1.ListOptions{}))(c.T).Items) == 0
			})
		}},
		{"f17-limitrange-min", "requests are at least what the namespace asks for", func(c *played) {
			for name, item := range map[string]corev1.LimitRangeItem{
				"min":   {Min: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("4Mi")}},
				"ratio": {MaxLimitRequestRatio: corev1.ResourceList{"memory": resource.MustParse("8")}},
			} {
				client := Clientset(c.T)
				space := Namespace(c.T, client, nil)
				item.Type = corev1.LimitTypeContainer
				must(
					client.CoreV1().
						LimitRanges(space).
						Create(c.T.Context(), &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: name},
							Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}}}, metav1.CreateOptions{}),
				)(
					c.T,
				)
				own := c.elsewhere("YACI_NAMESPACE=" + space)
				_, sha := own.pushes(nil)
				own.ends(sha, "success", "Passed in ")
			}
		}},
	}
}

// elsewhere is the case on a server of its own.
func (c *played) elsewhere(env ...string) *played {
	c.T.Helper()
	own := *c
	own.World = NewWorld(c.T, env...)
	own.r = own.Repo(c.id, false)
	return &own
}

// inject adds a container that never ends to all pods of the namespaces with a label.
func inject(t *testing.T, label, value string) {
	t.Helper()
	patch := must(json.Marshal([]map[string]any{{"op": "add", "path": "/spec/containers/-", "value": corev1.Container{

		Name:    "injected",
		Image:   os.Getenv("YACI_RUN_IMAGE"),
		Command: []string{"sleep", "100000"},
		Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("16Mi")},
		},
	}}}))(t)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		kind := admissionv1.PatchTypeJSONPatch
		review.Response = &admissionv1.AdmissionResponse{
			UID:       review.Request.UID,
			Allowed:   true,
			Patch:     patch,
			PatchType: &kind,
		}
		json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(hook.Close)
	url := hook.URL
	none := admissionregistrationv1.SideEffectClassNone
	fail := admissionregistrationv1.Fail
	config := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "yaci-test-"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "inject.yaci.test",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      &url,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{
				{
					Operations: []admissionregistrationv1.OperationType{"CREATE"},
					Rule: admissionregistrationv1.Rule{
						APIGroups:   []string{""},
						APIVersions: []string{"v1"},
						Resources:   []string{"pods"},
					},
				},
			},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{label: value}},
			SideEffects:             &none,
			FailurePolicy:           &fail,
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	hooks := Clientset(t).AdmissionregistrationV1().MutatingWebhookConfigurations()
	made := must(hooks.Create(t.Context(), config, metav1.CreateOptions{}))(t)
	t.Cleanup(func() { hooks.Delete(context.Background(), made.Name, metav1.DeleteOptions{}) })
}
