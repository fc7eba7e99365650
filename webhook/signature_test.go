package webhook

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzSignature: no header but the one that the secret gives is a body's signature.
func FuzzSignature(f *testing.F) {
	secret := []byte("s3cret")
	f.Add(Sign(secret, []byte("{}")), []byte("{}"))
	f.Add(Sign([]byte("guess"), []byte("{}")), []byte("{}"))
	f.Add("sha1="+strings.Repeat("0", 40), []byte("{}"))
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		right := Sign(secret, body)
		accepted := verified(secret, body, http.Header{signatureHeader: {value}})
		if want := strings.EqualFold(value, right) && strings.HasPrefix(value, "sha256="); accepted != want {
			t.Errorf("%q for %q: accepted %v", value, body, accepted)
		}
		for what, header := range map[string]http.Header{"twice": {signatureHeader: {right, value}}, "none": {}, "under another name": {"X-Hub-Signature": {right}}} {
			if verified(secret, body, header) {
				t.Errorf("%s: accepted", what)
			}
		}
		if verified(nil, body, http.Header{signatureHeader: {Sign(nil, body)}}) {
			t.Error("accepted without a secret")
		}
	})
}
