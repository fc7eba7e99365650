package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// signatureHeader is the only signature that counts. GitHub's older
// X-Hub-Signature (SHA-1) is never read.
const signatureHeader = "X-Hub-Signature-256"

// Sign returns the value that GitHub puts in X-Hub-Signature-256: "sha256="
// and the hexadecimal HMAC-SHA256 of the raw body
// (docs.github.com, "Validating webhook deliveries").
func Sign(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// verified reports whether exactly one well-formed signature header is there
// and is the body's. An empty secret verifies nothing.
func verified(secret, body []byte, header http.Header) bool {
	values := header.Values(signatureHeader)
	if len(values) != 1 || len(secret) == 0 {
		return false
	}
	digits, ok := strings.CutPrefix(values[0], "sha256=")
	if !ok {
		return false
	}
	got, err := hex.DecodeString(digits)
	if err != nil || len(got) != sha256.Size {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}
