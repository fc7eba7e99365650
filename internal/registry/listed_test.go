package registry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/yaci-ci/yaci/internal/dial"
)

// TestC19ListedByName: a registry with an internal name is asked without TLS if it is listed so, and no other one is.
func TestC19ListedByName(t *testing.T) {
	s := newServer(t)
	digest := s.push(t, "tools/scan:1", v1.Config{Entrypoint: []string{"/scan"}})
	for _, c := range []struct {
		entry, image string
		reads        bool
	}{
		{"http://registry.internal:5000", "registry.internal:5000/tools/scan:1", true},
		{"http://Registry.Internal:5000", "registry.internal:5000/tools/scan@" + digest, true},
		{"http://registry.internal", "registry.internal/tools/scan:1", true},
		{"http://registry.internal:80", "registry.internal/tools/scan:1", true},
		{"http://registry.internal:5000", "registry.internal/tools/scan:1", false},
		{"http://registry.internal:5000", "registry.internal:5001/tools/scan:1", false},
		{"https://registry.internal:5000", "registry.internal:5000/tools/scan:1", false},
		{"registry.internal:5000", "registry.internal:5000/tools/scan:1", false},
		{"http://registry.internal:5000", "other.internal:5000/tools/scan:1", false},
	} {
		listed, err := ParseAllowList([]string{c.entry})
		if err != nil {
			t.Fatal(err)
		}
		client := New(Config{Allowed: listed})
		client.transport = limitedTransport{
			inner: newTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
				if _, ok := listed[address]; !ok {
					return nil, dial.ErrNotPublic
				}
				return dial.Context(ctx, network, s.host()) // as if the name were this machine's
			}),
			guard:   true,
			allowed: listed,
		}
		got, err := client.Image(t.Context(), c.image, false)
		if (err == nil) != c.reads {
			t.Errorf("%s listed, %s: %v", c.entry, c.image, err)
		}
		if c.reads && !strings.HasSuffix(got.Pinned, "/tools/scan@"+digest) {
			t.Errorf("%s listed, %s: %+v", c.entry, c.image, got)
		}
	}
}

// TestC19AnswersAreNotRepeated: no part of what a registry or its token service writes is part of a message.
func TestC19AnswersAreNotRepeated(t *testing.T) {
	s := newServer(t)
	s.push(t, "x:1", v1.Config{})
	const secret = "ghr_SECRET"
	challenge := func(header string, token http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				token(w, r)
				return
			}
			w.Header().Set("WWW-Authenticate", strings.ReplaceAll(header, "SELF", s.URL+"/token"))
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	writes := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	manifest := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				w.Header().Set("Content-Type", kind)
				io.WriteString(w, text)
			}
		}
	}
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				fmt.Fprint(conn, text)
				conn.Close()
			}
		}
	}
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"no token": {
			challenge(`Bearer realm="SELF"`, writes(`{"refresh_token":"`+secret+`"}`)),
			"the token service of registry HOST gave no token",
		},
		"no JSON":     {challenge(`Bearer realm="SELF"`, writes(secret)), "registry HOST"},
		"wrong types": {challenge(`Bearer realm="SELF"`, writes(`{"token":{"`+secret+`":1}}`)), "registry HOST"},
		"refused": {
			challenge(`Bearer realm="SELF"`, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, 400) }),
			"registry HOST answered 400",
		},
		"no realm": {
			challenge(`Bearer x="`+secret+`"`, nil),
			"registry HOST names a token service that cannot be used",
		},
		"wrong realm": {
			challenge(`Bearer realm="ftp://`+secret+`"`, nil),
			"registry HOST names a token service that cannot be used",
		},
		"unknown scheme": {challenge(secret, nil), "registry HOST"},
		"no status":      {raw(secret + "\r\n\r\n"), "registry HOST did not answer (the request failed)"},
		"wrong status":   {raw("HTTP/1.1 " + secret + "\r\n\r\n"), "registry HOST did not answer (the request failed)"},
		"wrong header": {
			raw("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n"),
			"registry HOST did not answer (the request failed)",
		},
		"wrong length": {
			raw("HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n"),
			"registry HOST did not answer (the request failed)",
		},
		"location": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://%zz"+secret)
			w.WriteHeader(http.StatusFound)
		}, "registry HOST did not answer (the request failed)"},
		"media type": {manifest("application/"+secret, "{}"), "its format is not supported"},
		"manifest": {
			manifest("application/vnd.oci.image.manifest.v1+json", `{"`+secret+`":}`),
			"registry HOST sent no image that can be read",
		},
		"digest": {
			manifest("application/vnd.oci.image.manifest.v1+json", `{"config":{"digest":"`+secret+`"}}`),
			"registry HOST sent no image that can be read",
		},
	} {
		s.answers(c.answer)
		_, err := New(Config{Allowed: s.allowed()}).Image(t.Context(), s.host()+"/x:1", false)
		if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(c.says, "HOST", s.host())) {
			t.Errorf("%s: %v", what, err)
		}
		text := strings.ToLower(fmt.Sprint(err))
		if strings.Contains(text, "ghr_") || strings.Contains(text, "secret") {
			t.Errorf("%s: the answer is repeated: %v", what, err)
		}
	}
}
