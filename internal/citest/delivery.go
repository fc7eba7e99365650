package citest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Delivery is one webhook request and how it went.
type Delivery struct {
	ID             int64
	GUID           string
	Event, Action  string
	InstallationID int64
	RepositoryID   int64 // 0 when it is about no repository
	Payload        []byte
	Redelivery     bool
	At             time.Time
	Duration       time.Duration
	StatusCode     int    // of the answer; GitHub's own number when there was none
	Status         string // "OK", or what went wrong
	RequestHeader  http.Header
	ResponseHeader http.Header
	Response       string
}

// OK says whether the receiver took it.
func (d Delivery) OK() bool { return d.StatusCode >= 200 && d.StatusCode < 300 }

// send makes the request and keeps the record.
func (h *hooks) send(d *Delivery) Delivery {
	target, secret := h.target()
	d.At, d.RequestHeader = time.Now(), h.header(d, secret)
	if h.dropped() {
		d.StatusCode, d.Status = http.StatusBadGateway, "failed to connect to host"
	} else {
		h.post(d, target)
	}
	d.Duration = time.Since(d.At)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, *d)
	h.announce()
	return *d
}

func (h *hooks) post(d *Delivery, target string) {
	req, err := http.NewRequestWithContext(h.ctx, http.MethodPost, target, bytes.NewReader(d.Payload))
	if err != nil {
		d.StatusCode, d.Status = http.StatusBadGateway, "invalid address"
		return
	}
	req.Header = d.RequestHeader.Clone()
	res, err := h.client.Do(req)
	var failed *url.Error
	switch {
	case errors.As(err, &failed) && failed.Timeout():
		d.StatusCode, d.Status = http.StatusGatewayTimeout, "timed out"
		return
	case err != nil:
		d.StatusCode, d.Status = http.StatusBadGateway, "failed to connect to host"
		return
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // what could be read of the answer is what is shown
	d.StatusCode = res.StatusCode
	d.Status = "OK"
	d.ResponseHeader = res.Header
	d.Response = string(body)
	if !d.OK() {
		d.Status = fmt.Sprintf("Invalid HTTP Response: %d", res.StatusCode)
	}
}

func (h *hooks) header(d *Delivery, secret string) http.Header {
	header := http.Header{}
	for k, v := range map[string]string{
		"Accept": "*/*", "Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/7e5f1ab",
		"X-GitHub-Delivery": d.GUID, "X-GitHub-Event": d.Event, "X-GitHub-Hook-ID": fmt.Sprint(hookID),
		"X-GitHub-Hook-Installation-Target-ID": fmt.Sprint(AppID), "X-GitHub-Hook-Installation-Target-Type": "integration",
		"X-GitHub-Enterprise-Host": strings.TrimPrefix(h.gh.url, "http://"), "X-GitHub-Enterprise-Version": "3.18.0",
	} {
		header.Set(k, v)
	}
	if secret != "" {
		header.Set("X-Hub-Signature-256", sign(secret, d.Payload))
		old := hmac.New(sha1.New, []byte(secret))
		old.Write(d.Payload)
		header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(old.Sum(nil)))
	}
	return header
}

// sign is GitHub's signature of a body.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Sign is the value of X-Hub-Signature-256 for a body, with the present secret.
func (gh *GitHub) Sign(body []byte) string {
	_, secret := gh.hooks.target()
	return sign(secret, body)
}
