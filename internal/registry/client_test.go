package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	memory "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/yaci-ci/yaci/internal/ci"
)

// server is a registry on this machine that counts requests.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string // method and path
	auth     []string // Authorization headers
	refuse   http.HandlerFunc
}

func newServer(t *testing.T) *server {
	s := &server{}
	inner := memory.New(memory.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		if a := r.Header.Get("Authorization"); a != "" {
			s.auth = append(s.auth, a)
		}
		refuse := s.refuse
		s.mu.Unlock()
		if refuse != nil && r.Header.Get("X-Test") == "" {
			refuse(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.requests
	s.requests = nil
	return found
}

// answers has every request but those of push answered by f.
func (s *server) answers(f http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// asTest marks the requests that fill a registry.
type asTest struct{}

func (asTest) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Test", "1")
	return http.DefaultTransport.RoundTrip(r)
}

func (s *server) ref(t *testing.T, image string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(s.host() + "/" + image)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// push puts an image into the registry and returns its digest.
func (s *server) push(t *testing.T, image string, config v1.Config) string {
	t.Helper()
	made := imageOf(t, config)
	if err := remote.Write(s.ref(t, image), made, remote.WithTransport(asTest{})); err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s.seen()
	return digest.String()
}

func imageOf(t *testing.T, config v1.Config) v1.Image {
	t.Helper()
	made, err := mutate.Config(empty.Image, config)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (s *server) allowed() AllowList { return AllowList{s.host(): "http"} }

func TestC19PublicRegistry(t *testing.T) {
	s := newServer(t)
	digest := s.push(t, "tools/scan:1", v1.Config{Entrypoint: []string{"/scan", "-q"}, Cmd: []string{"--help"}})
	c := New(Config{Allowed: s.allowed()})
	image := s.host() + "/tools/scan:1"
	got, err := c.Image(t.Context(), image, false)
	if err != nil {
		t.Fatal(err)
	}
	want := s.host() + "/tools/scan@" + digest
	if got.Pinned != want || got.Name != image || strings.Join(got.Entrypoint, " ") != "/scan -q" ||
		strings.Join(got.Cmd, " ") != "--help" {
		t.Errorf("%+v, want %s", got, want)
	}
	s.seen()
	_, err = c.Image(t.Context(), image, false)
	if err != nil || len(s.seen()) != 0 {
		t.Errorf("the same tag at once is asked for again, %v", err)
	}
	c.tags.Clear() // as after a minute
	if _, err := c.Image(t.Context(), image, false); err != nil {
		t.Fatal(err)
	}
	if seen := s.seen(); slices.ContainsFunc(seen, func(r string) bool { return strings.HasPrefix(r, "GET /v2/tools") }) {
		t.Errorf("a known digest is read again: %q", seen)
	}
	_, err = c.Image(t.Context(), s.host()+"/tools/scan@"+digest, false)
	if err != nil || len(slices.DeleteFunc(s.seen(), func(r string) bool { return r == "GET /v2/" })) != 0 {
		t.Errorf("a known digest is asked for, %v", err)
	}
	moved := s.push(t, "tools/scan:1", v1.Config{Cmd: []string{"other"}})
	c.tags.Clear()
	got, err = c.Image(t.Context(), image, false)
	if err != nil || !strings.HasSuffix(got.Pinned, moved) || got.Cmd[0] != "other" {
		t.Errorf("after the tag has moved: %+v, %v", got, err)
	}
}

// TestC19Formats has the formats and forms of images.
func TestC19Formats(t *testing.T) {
	s := newServer(t)
	oci := mutate.ConfigMediaType(
		mutate.MediaType(imageOf(t, v1.Config{Entrypoint: []string{"oci"}}), types.OCIManifestSchema1),
		types.OCIConfigJSON,
	)
	if err := remote.Write(s.ref(t, "oci:1"), oci, remote.WithTransport(asTest{})); err != nil {
		t.Fatal(err)
	}
	of := func(os, arch, program string) mutate.IndexAddendum {
		return mutate.IndexAddendum{
			Add:        imageOf(t, v1.Config{Entrypoint: []string{program}}),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: arch}},
		}
	}
	other := map[string]string{"amd64": "arm64"}[runtime.GOARCH]
	if other == "" {
		other = "amd64"
	}
	for tag, parts := range map[string][]mutate.IndexAddendum{
		"several": {
			of("windows", runtime.GOARCH, "windows"),
			of("linux", other, "other"),
			of("linux", runtime.GOARCH, "own"),
			of("unknown", "unknown", "attestation"),
		},
		"foreign": {
			of("windows", runtime.GOARCH, "windows"),
			of("linux", "s390x", "first"),
			of("linux", "ppc64le", "second"),
		},
		"windows": {of("windows", runtime.GOARCH, "windows")},
	} {
		index := mutate.AppendManifests(empty.Index, parts...)
		if err := remote.WriteIndex(s.ref(t, "index:"+tag), index, remote.WithTransport(asTest{})); err != nil {
			t.Fatal(err)
		}
	}
	s.push(t, "relative:1", v1.Config{Entrypoint: []string{"./bin/x"}, WorkingDir: "/app"})
	s.push(t, "in-path:1", v1.Config{Entrypoint: []string{"x"}, WorkingDir: "/app"})
	s.push(t, "nothing:1", v1.Config{})
	c := New(Config{Allowed: s.allowed()})
	for image, want := range map[string]string{
		"oci:1": "oci", "index:several": "own", "index:foreign": "first", "relative:1": "/app/bin/x",
		"in-path:1": "x", "nothing:1": "",
	} {
		got, err := c.Image(t.Context(), s.host()+"/"+image, false)
		if err != nil || strings.Join(got.Entrypoint, " ") != want {
			t.Errorf("%s: %+v, %v, want %q", image, got, err, want)
		}
	}
	_, err := c.Image(t.Context(), s.host()+"/index:windows", false)
	if !errors.Is(err, ci.ErrInvalid) || !strings.Contains(err.Error(), "no variant for Linux") {
		t.Errorf("an image for Windows: %v", err)
	}
}

const user, password = "robot", "s3cret-of-the-registry"

func keysFor(t *testing.T, hosts ...string) func() (authn.Keychain, error) {
	t.Helper()
	var auths []string
	for _, host := range hosts {
		auths = append(
			auths,
			fmt.Sprintf("%q: {\"auth\": %q}", host, base64.StdEncoding.EncodeToString([]byte(user+":"+password))),
		)
	}
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(`{"auths": {`+strings.Join(auths, ",")+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return Credentials(path)
}

// TestC19PrivateRegistry has the two ways of signing in, and who may use the credentials.
func TestC19PrivateRegistry(t *testing.T) {
	for way, challenge := range map[string]string{
		"basic": `Basic realm="r"`,
		"token": `Bearer realm="URL/token",service="r"`,
	} {
		t.Run(way, func(t *testing.T) {
			s := newServer(t)
			s.push(t, "team/private:1", v1.Config{Entrypoint: []string{"x"}})
			s.answers(func(w http.ResponseWriter, r *http.Request) {
				u, p, _ := r.BasicAuth()
				known := u == user && p == password
				switch {
				case r.URL.Path == "/token" && !known:
					w.WriteHeader(http.StatusUnauthorized)
				case r.URL.Path == "/token":
					io.WriteString(w, `{"token": "t0ken"}`)
				case way == "basic" && known, way == "token" && r.Header.Get("Authorization") == "Bearer t0ken":
					req := r.Clone(r.Context())
					req.Header.Set("X-Test", "1")
					s.Config.Handler.ServeHTTP(w, req)
				default:
					w.Header().Set("WWW-Authenticate", strings.ReplaceAll(challenge, "URL", s.URL))
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			image := s.host() + "/team/private:1"
			c := New(Config{Allowed: s.allowed(), Keychain: keysFor(t, s.host()+"/team")})
			got, err := c.Image(t.Context(), image, false)
			if err != nil || got.Entrypoint[0] != "x" {
				t.Fatalf("with credentials: %+v, %v", got, err)
			}
			s.mu.Lock()
			s.auth = nil
			s.mu.Unlock()
			for who, ask := range map[string]func() (ci.Image, error){
				"a fork": func() (ci.Image, error) { return c.Image(t.Context(), image, true) },
				"without any": func() (ci.Image, error) {
					return New(Config{
						Allowed: s.allowed(),
					}).Image(t.Context(), image, false)
				},
				"without a file": func() (ci.Image, error) {
					return New(Config{Allowed: s.allowed(), Keychain: Credentials("/nowhere")}).Image(t.Context(), image, false)
				},
				"of another project": func() (ci.Image, error) {
					return New(Config{Allowed: s.allowed(), Keychain: keysFor(t, s.host()+"/other")}).Image(t.Context(), image, false)
				},
			} {
				_, err := ask()
				if !errors.Is(err, ci.ErrInvalid) || !strings.Contains(err.Error(), "no permission to read it") {
					t.Errorf("%s: %v", who, err)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, header := range s.auth {
				if strings.Contains(header, base64.StdEncoding.EncodeToString([]byte(user+":"+password))) {
					t.Errorf("credentials were sent for who may not use them: %s", header)
				}
			}
		})
	}
}

// TestC19CredentialsStayAtTheirHost: the credentials of a registry that redirects, for example to its storage, are not
// sent there.
func TestC19CredentialsStayAtTheirHost(t *testing.T) {
	s, storage := newServer(t), newServer(t)
	s.push(t, "x:1", v1.Config{Entrypoint: []string{"x"}})
	storage.push(t, "x:1", v1.Config{Entrypoint: []string{"x"}})
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/v2/" {
			return
		}
		http.Redirect(w, r, storage.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	c := New(Config{Allowed: AllowList{s.host(): "http", storage.host(): "http"}, Keychain: keysFor(t, s.host())})
	if _, err := c.Image(t.Context(), s.host()+"/x:1", false); err != nil {
		t.Fatal(err)
	}
	if len(storage.seen()) == 0 || len(storage.auth) != 0 {
		t.Errorf("storage was sent %q", storage.auth)
	}
}

// TestC19RegistryInAPrivateNetwork: neither a name of an image, nor a redirect, nor the address of a token service
// leads to what is not public.
func TestC19RegistryInAPrivateNetwork(t *testing.T) {
	reached := make(chan string, 100)
	hidden := func() *httptest.Server {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
			if state == http.StateNew {
				reached <- conn.LocalAddr().String()
			}
		}
		return server
	}
	inside, plain := hidden(), hidden()
	inside.StartTLS()
	defer inside.Close()
	plain.Start()
	defer plain.Close()
	secure, insecure := inside.Listener.Addr().String(), plain.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(secure)
	_, plainPort, _ := net.SplitHostPort(insecure)
	ask := func(c *Client, image string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := c.Image(ctx, image, false); !errors.Is(err, ci.ErrInvalid) {
			t.Errorf("%s: %v", image, err)
		}
		select {
		case address := <-reached:
			t.Errorf("%s connected to %s", image, address)
		default:
		}
	}
	for _, host := range []string{
		secure,
		insecure,
		"localhost:" + port,
		"localhost:" + plainPort,
		"169.254.169.254:1",
		"0.0.0.0:" + port,
	} {
		ask(New(Config{}), host+"/x:1")
	}
	s := newServer(t)
	for _, target := range []string{
		"https://" + secure,
		"http://" + insecure,
		"https://localhost:" + port,
		"http://localhost:" + plainPort,
		"http://169.254.169.254",
	} {
		for what, answer := range map[string]http.HandlerFunc{
			"redirect": func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, target+"/redirected", http.StatusFound)
			},
			"redirected manifest": func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v2/" {
					http.Redirect(w, r, target+"/manifest", http.StatusFound)
				}
			},
			"realm": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/realm",service="x"`, target))
				w.WriteHeader(http.StatusUnauthorized)
			},
		} {
			s.answers(answer)
			t.Log(what, target)
			ask(New(Config{Allowed: s.allowed(), Keychain: keysFor(t, s.host())}), s.host()+"/x:1")
		}
	}
}

// TestC19RegistryTrouble: errors that the author of the file must correct are told from transient ones.
func TestC19RegistryTrouble(t *testing.T) {
	s := newServer(t)
	s.push(t, "x:1", v1.Config{})
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<b>token=abc</b>", code) }
	}
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				return
			}
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			io.WriteString(w, text)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		final  bool
		want   string
	}{
		"500":         {status(500), false, "registry HOST answered 500"},
		"503":         {status(503), false, "registry HOST answered 503"},
		"429":         {status(429), false, "registry HOST accepts no more requests for now (429)"},
		"404":         {status(404), true, "registry HOST has no such image"},
		"403":         {status(403), true, "no permission to read it (registry HOST answered 403)"},
		"418":         {status(418), true, "registry HOST answered 418"},
		"garbage":     {body("<html>hello</html>"), true, "registry HOST sent no image that can be read"},
		"no manifest": {body("{}"), true, "registry HOST sent no image"},
		"huge":        {body(strings.Repeat(" ", 3*maxBody)), true, "registry HOST "},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			conn.Close()
		}, false, "registry HOST did not answer"},
		"old format": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
			io.WriteString(w, "{}")
		}, true, `is not supported`},
	} {
		s.answers(c.answer)
		_, err := New(Config{Allowed: s.allowed()}).Image(t.Context(), s.host()+"/x:1", false)
		if err == nil || errors.Is(err, ci.ErrInvalid) != c.final ||
			!strings.Contains(err.Error(), strings.ReplaceAll(c.want, "HOST", s.host())) {
			t.Errorf("%s: final %t: %v", name, errors.Is(err, ci.ErrInvalid), err)
		}
		if err != nil && strings.Contains(err.Error(), "token=abc") {
			t.Errorf("%s: the registry's own words are repeated: %v", name, err)
		}
	}
}

// TestC19RedirectsForEver: a registry that redirects forever, to ever new names, is given up after a few requests.
func TestC19RedirectsForEver(t *testing.T) {
	s := newServer(t)
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
		}
	})
	_, err := New(Config{Allowed: s.allowed()}).Image(t.Context(), s.host()+"/x:1", false)
	if !errors.Is(err, ci.ErrInvalid) || !strings.Contains(err.Error(), "registry "+s.host()+" has too many redirects") {
		t.Error(err)
	}
	if requests := s.seen(); len(requests) > 3*maxRedirects {
		t.Errorf("%d requests", len(requests))
	}
}

func TestC19RegistrySilent(t *testing.T) {
	s := newServer(t)
	release := make(chan struct{})
	defer close(release)
	s.answers(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := New(Config{Allowed: s.allowed()}).Image(ctx, s.host()+"/x:1", false)
	if err == nil || errors.Is(err, ci.ErrInvalid) ||
		!strings.Contains(err.Error(), "registry "+s.host()+" did not answer in time") {
		t.Errorf("silent: %v", err)
	}
	gone := newServer(t)
	gone.Close()
	_, err = New(Config{Allowed: gone.allowed()}).Image(t.Context(), gone.host()+"/x:1", false)
	if err == nil || errors.Is(err, ci.ErrInvalid) ||
		!strings.Contains(err.Error(), "did not answer (connection refused)") {
		t.Errorf("nobody listens: %v", err)
	}
	for image, want := range map[string]string{
		"no-such-registry.invalid/x": "there is no registry no-such-registry.invalid",
		"UPPER":                      "is not the name of an image",
	} {
		_, err := New(Config{}).Image(t.Context(), image, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Logf("%s: %v", image, err) // names are looked up differently on machines without DNS
		}
	}
}

// TestC19HostileImages: the size of what an image contains is limited.
func TestC19HostileImages(t *testing.T) {
	s := newServer(t)
	many := slices.Repeat([]string{"x"}, maxWords+1)
	for tag, config := range map[string]v1.Config{
		"words": {Entrypoint: many},
		"bytes": {Cmd: []string{strings.Repeat("x", maxEncoded+1)}},
		"json":  {Cmd: []string{strings.Repeat("<", maxEncoded/5)}},
		"dir":   {Cmd: []string{"./x"}, WorkingDir: strings.Repeat("x", maxEncoded+1)},
		"nul":   {Cmd: []string{"a\x00b"}},
		"large": {Labels: map[string]string{"x": strings.Repeat("x", 2*maxBody)}, Cmd: []string{"x"}},
	} {
		s.push(t, "x:"+tag, config)
		if _, err := New(Config{
			Allowed: s.allowed(),
		}).Image(t.Context(), s.host()+"/x:"+tag, false); !errors.Is(err, ci.ErrInvalid) {
			t.Errorf("%s: %v", tag, err)
		}
	}
}

func TestC19ParseAllowList(t *testing.T) {
	listed, err := ParseAllowList(
		[]string{"registry.internal", "Registry.Internal:5000", "http://10.0.0.5:5000", "http://plain.internal"},
	)
	if err != nil {
		t.Fatal(err)
	}
	for host, scheme := range map[string]string{
		"registry.internal:443":  "https",
		"registry.internal:5000": "https",
		"10.0.0.5:5000":          "http",
		"plain.internal:80":      "http",
	} {
		if listed[host] != scheme {
			t.Errorf("%s: %q, want %q", host, listed[host], scheme)
		}
	}
	for _, wrong := range []string{"", "ftp://x", "https://x/y", "u:p@x", "http://"} {
		if _, err := ParseAllowList([]string{wrong}); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestC19PinnedNames(t *testing.T) {
	for image, want := range map[string]string{
		"alpine": "alpine", "alpine:3": "alpine", "localhost:5000/x": "localhost:5000/x",
		"localhost:5000/x:1": "localhost:5000/x",
		"a/b:1@sha256:11":    "a/b", "a/b@sha256:11": "a/b",
	} {
		if got := withoutTag(image); got != want {
			t.Errorf("%s: %s, want %s", image, got, want)
		}
	}
}
