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
	maxBody      = 1 << 20  // bytes of one answer
	maxHeaders   = 64 << 10 // bytes of its headers
	maxRedirects = 10       // of one request
)

// Listed are the registries that an operator lists, by host and port, with the scheme that each speaks. They alone may
// be in private networks, and they alone may speak plain HTTP.
type Listed map[string]string

// ParseListed reads entries like registry.internal:5000 and http://10.0.0.5:5000.
func ParseListed(entries []string) (Listed, error) {
	listed := Listed{}
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
		listed[hostPort(u)] = u.Scheme
	}
	return listed, nil
}

// hostPort returns the address of a URL as it is dialled.
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

// guarded returns a transport that reaches public addresses, and the listed ones. Every request of the library passes
// through it: redirects, and those to the token service that a registry names.
func guarded(listed Listed) http.RoundTripper {
	transport := newTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
		if _, ok := listed[strings.ToLower(address)]; ok {
			return dial.Context(ctx, network, address)
		}
		return dial.Public(ctx, network, address)
	})
	return bounded{inner: transport, guard: true, listed: listed}
}

// newTransport returns a transport without proxies, which would make the connections in its place.
func newTransport(dialer func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:            dialer,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  askTime,
		MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConns:           20,
		IdleConnTimeout:        15 * time.Second,
		DisableCompression:     true, // a small answer could become a large one
		ForceAttemptHTTP2:      true,
	}
}

// bounded bounds the answers of another transport, and with guard refuses what only listed registries may do.
type bounded struct {
	inner  http.RoundTripper
	guard  bool
	listed Listed
}

// RoundTrip makes one request.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.guard && req.URL.Scheme != "https" && b.listed[hostPort(req.URL)] != req.URL.Scheme {
		return nil, errRefused("does not speak https")
	}
	redirects := 0
	for resp := req.Response; resp != nil && resp.Request != nil; resp = resp.Request.Response {
		// go-containerregistry replaces the limit of net/http by a check of its own
		if redirects++; redirects >= maxRedirects {
			return nil, errRefused("redirects for ever")
		}
	}
	resp, err := b.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxBody}
	return resp, nil
}

// errRefused is why a request was not made, or an answer not read.
type errRefused string

func (e errRefused) Error() string { return string(e) }

// limitedBody ends with an error instead of more than some bytes.
type limitedBody struct {
	io.ReadCloser
	left int64
}

// Read reads up to the limit.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRefused(fmt.Sprintf("sent more than %d bytes", maxBody))
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
