package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The tokens of a server that has one, as the commands ask for them.
func TestTokenCommands(t *testing.T) {
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"expires"`) {
			body = []byte("with an end")
		}
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body))
		const one = `{"id":"i","name":"laptop","scope":"read","created":"2026-11-24T10:00:00Z"`
		switch {
		case r.Method == "POST":
			w.WriteHeader(201)
			io.WriteString(w, one+`,"token":"yaci_secret"}`)
		case r.Method == "GET":
			io.WriteString(w, `{"tokens":[`+one+`}]}`)
		case strings.HasSuffix(r.URL.Path, "/i"):
			io.WriteString(w, `{"id":"i"}`)
		default:
			w.WriteHeader(404)
			io.WriteString(w, `{"detail":"there is no token of this id"}`)
		}
	}))
	defer srv.Close()
	t.Setenv("YACI_URL", srv.URL)
	t.Setenv("YACI_API_TOKEN", "root")
	for _, c := range []struct{ args, seen, stdout, err string }{
		{"token create laptop", `POST /api/v1/tokens Bearer root {"name":"laptop","scope":"read"}`, "yaci_secret\n", ""},
		{"token create laptop --days 30 --json", `POST /api/v1/tokens Bearer root with an end`, `"token": "yaci_secret"`, ""},
		{"token ls", "GET /api/v1/tokens Bearer root ", "i   laptop  read   2026-11-24 10:00  never      never\n", ""},
		{"token revoke i", "DELETE /api/v1/tokens/i Bearer root ", "", ""},
		{"token revoke j", "DELETE /api/v1/tokens/j Bearer root ", "", "there is no token of this id"},
	} {
		seen = nil
		var out, errs bytes.Buffer
		err := run(t.Context(), strings.Fields(c.args), &out, &errs)
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", c.args, err)
		}
		if len(seen) != 1 || seen[0] != c.seen || !strings.Contains(out.String(), c.stdout) {
			t.Errorf("%s: called %q, printed %q", c.args, seen, out.String())
		}
	}
	var out bytes.Buffer
	err := run(t.Context(), []string{"token", "ls", "--json"}, &out, io.Discard)
	if err != nil || !json.Valid(out.Bytes()) {
		t.Errorf("%v: %s", err, out.String())
	}
	t.Setenv("YACI_URL", "")
	err = run(t.Context(), []string{"token", "ls"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "YACI_URL") {
		t.Errorf("without a server: %v", err)
	}
}
