package webhook_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/webhook"
)

const secret = "It's a Secret to Everybody"

type memory struct {
	got []webhook.Delivery
	err error
}

func (m *memory) Store(_ context.Context, d webhook.Delivery) error {
	if m.err == nil {
		m.got = append(m.got, d)
	}
	return m.err
}

func post(t *testing.T, sink webhook.Sink, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := webhook.New(secret, sink, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/webhook", strings.NewReader(body))
	r.Header.Set("X-GitHub-Event", "ping")
	r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The vector is GitHub's own (docs.github.com, "Validating webhook deliveries").
func TestSignIsGitHubs(t *testing.T) {
	want := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if got := webhook.Sign([]byte(secret), []byte("Hello, World!")); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestSignatureIsRequired(t *testing.T) {
	const body = `{"zen":"x"}`
	good := webhook.Sign([]byte(secret), []byte(body))
	for name, header := range map[string]map[string]string{
		"none":         {},
		"empty":        {"X-Hub-Signature-256": ""},
		"sha1 only":    {"X-Hub-Signature": "sha1=" + strings.Repeat("0", 40)},
		"sha1 prefix":  {"X-Hub-Signature-256": "sha1=" + good[7:]},
		"no prefix":    {"X-Hub-Signature-256": good[7:]},
		"other secret": {"X-Hub-Signature-256": webhook.Sign([]byte("x"), []byte(body))},
		"no secret":    {"X-Hub-Signature-256": webhook.Sign(nil, []byte(body))},
		"short":        {"X-Hub-Signature-256": good[:len(good)-2]},
		"long":         {"X-Hub-Signature-256": good + "00"},
		"not hex":      {"X-Hub-Signature-256": good[:len(good)-2] + "zz"},
		"space before": {"X-Hub-Signature-256": "x" + good},
		"two in one":   {"X-Hub-Signature-256": good + "," + good},
	} {
		t.Run(name, func(t *testing.T) {
			sink := &memory{}
			if w := post(t, sink, body, header); w.Code != http.StatusUnauthorized {
				t.Errorf("status %d, want 401", w.Code)
			}
			if len(sink.got) != 0 {
				t.Error("an unsigned delivery was stored")
			}
		})
	}
}

func TestSignedDeliveryIsStored(t *testing.T) {
	sink := &memory{}
	body := `{"zen":"Keep it logically awesome."}`
	w := post(
		t,
		sink,
		body,
		map[string]string{"X-Hub-Signature-256": webhook.Sign([]byte(secret), []byte(body)), "X-GitHub-Hook-ID": "7"},
	)
	if w.Code != http.StatusAccepted {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if len(sink.got) != 1 || string(sink.got[0].Body) != body || sink.got[0].HookID != 7 ||
		sink.got[0].Event.Ignored == "" {
		t.Errorf("stored %+v", sink.got)
	}
}

func TestNotStoredIs503(t *testing.T) {
	body := `{}`
	w := post(
		t,
		&memory{err: errors.New("disk full")},
		body,
		map[string]string{"X-Hub-Signature-256": webhook.Sign([]byte(secret), []byte(body))},
	)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", w.Code)
	}
}

func TestBodyOverTheBoundIs413(t *testing.T) {
	h, _ := webhook.New(secret, &memory{}, slog.New(slog.DiscardHandler))
	endless := io.LimitReader(zeros{}, webhook.MaxBody+1)
	for name, length := range map[string]int64{"announced": webhook.MaxBody + 1, "chunked": -1} {
		r := httptest.NewRequest("POST", "/webhook", endless)
		r.ContentLength = length
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d, want 413", name, w.Code)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// The bound is inclusive: what GitHub may send is read, and judged by its signature.
func TestBodyOfTheBoundIsRead(t *testing.T) {
	h, _ := webhook.New(secret, &memory{}, slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/webhook", io.LimitReader(zeros{}, webhook.MaxBody)))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", w.Code)
	}
}

// A signed body that cannot be what its headers say is refused and not stored.
func TestSignedButMalformedIs400(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		header map[string]string
	}{
		"no GUID":       {`{}`, map[string]string{"X-GitHub-Delivery": ""}},
		"endless GUID":  {`{}`, map[string]string{"X-GitHub-Delivery": strings.Repeat("g", 101)}},
		"not JSON":      {`payload=%7B%7D`, nil},
		"not the event": {`{"zen":"x"}`, map[string]string{"X-GitHub-Event": "push"}},
	} {
		sink, header := &memory{}, map[string]string{"X-Hub-Signature-256": webhook.Sign([]byte(secret), []byte(c.body))}
		maps.Copy(header, c.header)
		w := post(t, sink, c.body, header)
		if w.Code != http.StatusBadRequest || len(sink.got) != 0 {
			t.Errorf("%s: status %d, %d stored; want 400 and none", name, w.Code, len(sink.got))
		}
	}
}

func TestTwoSignaturesAreNone(t *testing.T) {
	h, _ := webhook.New(secret, &memory{}, slog.New(slog.DiscardHandler))
	r := httptest.NewRequest("POST", "/webhook", strings.NewReader("{}"))
	r.Header["X-Hub-Signature-256"] = []string{
		webhook.Sign([]byte(secret), []byte("{}")),
		webhook.Sign([]byte("x"), []byte("{}")),
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", w.Code)
	}
}

// Events that YACI does nothing for are stored with the reason and answered with it.
func TestUnknownEventIsStoredWithItsReason(t *testing.T) {
	sink := &memory{}
	w := post(
		t,
		sink,
		`{}`,
		map[string]string{"X-GitHub-Event": "star", "X-Hub-Signature-256": webhook.Sign([]byte(secret), []byte("{}"))},
	)
	const reason = "Ignored: YACI does nothing for star events."
	if w.Code != http.StatusAccepted || w.Body.String() != reason+"\n" || len(sink.got) != 1 ||
		sink.got[0].Event.Ignored != reason {
		t.Errorf("status %d %q, stored %+v", w.Code, w.Body, sink.got)
	}
}

func TestEmptySecretIsRefused(t *testing.T) {
	if _, err := webhook.New("", &memory{}, nil); err == nil {
		t.Error("New accepted an empty secret")
	}
}

// Only the body is signed, so each real payload is presented under every other
// event's name: it must be refused or ignored, never taken for what it is not (CVE-2025-27616).
func TestBodyUnderAnotherName(t *testing.T) {
	for _, file := range payloads(t) {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		own, _, _ := strings.Cut(filepath.Base(file), ".")
		for _, name := range []string{"push", "pull_request"} {
			_, err := webhook.Decode(name, body)
			if name != own && !errors.Is(err, webhook.ErrMalformed) {
				t.Errorf("%s as %s: err %v, want ErrMalformed", filepath.Base(file), name, err)
			}
		}
	}
}

func payloads(t testing.TB) []string {
	files, err := filepath.Glob("../testdata/webhooks/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads: %v", err)
	}
	return files
}

// FuzzDecode: no body makes a decoder panic, and what is accepted names a
// repository and a commit plainly, or, where it is about the App, an installation and neither.
func FuzzDecode(f *testing.F) {
	plain, sha := regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._-]*$`), regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	for _, file := range payloads(f) {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		f.Add(name, body)
	}
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		ev, err := webhook.Decode(name, body)
		if err != nil || ev.Ignored != "" {
			return
		}
		if strings.HasPrefix(ev.Name, "installation") {
			if ev.InstallationID == 0 || ev.RepoID != 0 || ev.SHA != "" || ev.Ref != "" {
				t.Errorf("accepted without an installation, or with more: %+v", ev)
			}
			return
		}
		if ev.RepoID == 0 || !plain.MatchString(ev.Owner) || !plain.MatchString(ev.Repo) ||
			ev.CommentID == 0 && !sha.MatchString(ev.SHA) {
			t.Errorf("accepted without a plain repository or commit: %+v", ev)
		}
	})
}
