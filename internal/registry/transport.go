package registry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/dial"
)

const (
	maxBody      = 1 << 20  // bytes of one response
	maxHeaders   = 64 << 10 // bytes of its headers
	maxRedirects = 10       // of one request
)

// AllowList maps the host and port of registries to their schemes. The operator lists them. Only these registries may
// be in private networks, and only these may use plain HTTP.
type AllowList map[string]string

// ParseAllowList parses entries like registry.internal:5000 and http://10.0.0.5:5000.
func ParseAllowList(entries []string) (AllowList, error) {
	allowed := AllowList{}
	for _, entry := range entries {
		text := entry
		if !strings.Contains(text, "://") {
			text = "https://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" ||
			u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%q is not a registry like registry.internal:5000 or http://10.0.0.5:5000", entry)
		}
		allowed[hostPort(u)] = u.Scheme
	}
	return allowed, nil
}

// hostPort returns the address that is dialled for a URL.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// dialAny connects to any address.
func dialAny(ctx context.Context, network, address string) (net.Conn, error) {
	return dial.Context(ctx, network, address)
}

// guardedTransport returns a transport that reaches public addresses and allowed ones. All requests of the library pass
// through it, including redirects and requests to the token service that a registry names.
func guardedTransport(allowed AllowList) http.RoundTripper {
	transport := newTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
		if _, ok := allowed[strings.ToLower(address)]; ok {
			return dial.Context(ctx, network, address)
		}
		return dial.Public(ctx, network, address)
	})
	return limitedTransport{
		inner:   transport,
		guard:   true,
		allowed: allowed,
	}
}

// newTransport returns a transport without proxies, which would connect to any address.
func newTransport(dialer func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:            dialer,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  lookupTimeout,
		MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConns:           20,
		IdleConnTimeout:        15 * time.Second,
		DisableCompression:     true, // a small answer could become a large one
		ForceAttemptHTTP2:      true,
	}
}

// limitedTransport limits the size of responses. With guard, it also refuses plain HTTP to registries that are not
// allowed.
type limitedTransport struct {
	inner   http.RoundTripper
	guard   bool
	allowed AllowList
}

// RoundTrip performs one request.
func (t limitedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.guard && req.URL.Scheme != "https" && t.allowed[hostPort(req.URL)] != req.URL.Scheme {
		return nil, refusedError("does not speak https")
	}
	redirects := 0
	for resp := req.Response; resp != nil && resp.Request != nil; resp = resp.Request.Response {
		redirects++
		if redirects >= maxRedirects { // go-containerregistry disables the limit of net/http
			return nil, refusedError("has too many redirects")
		}
	}
	resp, err := t.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxBody}
	return resp, nil
}

// refusedError says why a request was not made, or a response not read.
type refusedError string

func (e refusedError) Error() string { return string(e) }

// limitedBody returns an error instead of more than a number of bytes.
type limitedBody struct {
	io.ReadCloser
	left int64
}

// Read reads up to the limit.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, refusedError(fmt.Sprintf("sent more than %d bytes", maxBody))
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
