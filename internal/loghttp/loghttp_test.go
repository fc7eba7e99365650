package loghttp_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/loghttp"
)

func TestParseRequest(t *testing.T) {
	for query, want := range map[string]loghttp.Request{
		"":                           {LogRange: ci.LogRange{From: 1, Notes: true}},
		"from=3&to=9":                {LogRange: ci.LogRange{From: 3, To: 9, Notes: true}},
		"follow=1&times=1":           {LogRange: ci.LogRange{From: 1, Follow: true, Notes: true}, Times: true},
		"follow=yes&times=0":         {LogRange: ci.LogRange{From: 1, Notes: true}},
		"from=9223372036854775807":   {LogRange: ci.LogRange{From: 1<<63 - 1, Notes: true}},
		"from=&to=":                  {LogRange: ci.LogRange{From: 1, Notes: true}},
		"unknown=1&from=2&from=nine": {LogRange: ci.LogRange{From: 2, Notes: true}},
	} {
		got, err := loghttp.ParseRequest(httptest.NewRequest("GET", "/?"+query, nil))
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", query, got, want)
		}
	}
	for _, query := range []string{"from=0", "from=-1", "to=x", "to=9223372036854775808", "from=1.5", "to=%20"} {
		_, err := loghttp.ParseRequest(httptest.NewRequest("GET", "/?"+query, nil))
		if !errors.Is(err, ci.ErrInvalid) {
			t.Errorf("%s: %v, want ci.ErrInvalid", query, err)
		}
	}
}

func TestLastEventIDResumes(t *testing.T) {
	for id, want := range map[string]int64{"7": 8, "": 2, "0": 2, "-1": 2, "x": 2} {
		r := httptest.NewRequest("GET", "/?from=2", nil)
		r.Header.Set("Last-Event-ID", id)
		got, err := loghttp.ParseRequest(r)
		if err != nil || got.From != want {
			t.Errorf("Last-Event-ID %q: from line %d (%v), want %d", id, got.From, err, want)
		}
	}
}

// logbook is a log of some fragments, at the end of which reading fails with err.
type logbook struct {
	lines  []ci.LogLine
	err    error
	goesOn bool // until the reader is gone
}

func (l logbook) Read(ctx context.Context, _ ci.LogID, _ ci.LogRange, to func(ci.LogLine) error) error {
	for _, line := range l.lines {
		if err := to(line); err != nil {
			return err
		}
	}
	if l.goesOn {
		<-ctx.Done()
		return ctx.Err()
	}
	return l.err
}

func server(book logbook) loghttp.Server {
	return loghttp.Server{Logbook: book, Log: slog.New(slog.DiscardHandler)}
}

func TestText(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	book := logbook{lines: []ci.LogLine{
		{Number: 1, Time: at, Text: []byte("a long ")},
		{Number: 1, Text: []byte("line\n")},
		{Number: 2, Text: []byte("Lines are missing.\n"), Note: true},
		{Number: 5, Time: at, Text: []byte("cut o")},
		{Number: 6, Text: []byte("The end is missing.\n"), Note: true},
	}}
	for _, c := range []struct {
		times bool
		want  string
	}{
		{false, "a long line\n[yaci] Lines are missing.\ncut o\n[yaci] The end is missing.\n"},
		{true, "2026-01-02T03:04:05.600000000Z a long line\n[yaci] Lines are missing.\n" +
			"2026-01-02T03:04:05.600000000Z cut o\n[yaci] The end is missing.\n"},
	} {
		w := httptest.NewRecorder()
		server(book).Text(w, httptest.NewRequest("GET", "/", nil), ci.LogID{}, loghttp.Request{Times: c.times})
		if got := w.Body.String(); got != c.want {
			t.Errorf("times %v: %q, want %q", c.times, got, c.want)
		}
	}
}

func TestEvents(t *testing.T) {
	w := httptest.NewRecorder()
	server(logbook{}).Events(w, httptest.NewRequest("GET", "/", nil), func(send func(loghttp.Event) error) error {
		return errors.Join(
			send(loghttp.Event{ID: 3, Data: "</script>\n"}),
			send(loghttp.Event{Data: 1}),
			send(loghttp.Event{Name: "end", Data: struct{}{}}))
	})
	want := "id: 3\ndata: \"\\u003c/script\\u003e\\n\"\n\ndata: 1\n\nevent: end\ndata: {}\n\n"
	if got := w.Body.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := w.Header().Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
}

// In silence a comment is sent, again and again.
func TestEventsInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		server(logbook{}).Events(w, httptest.NewRequest("GET", "/", nil), func(func(loghttp.Event) error) error {
			time.Sleep(40 * time.Second)
			return nil
		})
		if got, want := w.Body.String(), strings.Repeat(": still here\n\n", 2); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// What is written is sent although more is to come.
func TestFollowedTextIsSent(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		book := logbook{lines: []ci.LogLine{{Number: 1, Text: []byte("one\n")}}, goesOn: true}
		server(book).Text(w, r, ci.LogID{}, loghttp.Request{LogRange: ci.LogRange{Follow: true}})
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := make([]byte, 4)
	_, err = io.ReadFull(res.Body, got)
	cancel() // the reader is gone, and so the handler returns
	if err != nil || string(got) != "one\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// An answer that cannot be given to its end breaks off, so that it does not look complete.
func TestAnswersBreakOff(t *testing.T) {
	lost := errors.New("object is gone")
	for name, handler := range map[string]http.HandlerFunc{
		"text": func(w http.ResponseWriter, r *http.Request) {
			book := logbook{lines: []ci.LogLine{{Number: 1, Text: []byte("one\n")}}, err: lost}
			server(book).Text(w, r, ci.LogID{}, loghttp.Request{})
		},
		"events": func(w http.ResponseWriter, r *http.Request) {
			server(logbook{}).Events(w, r, func(func(loghttp.Event) error) error { return lost })
		},
	} {
		srv := httptest.NewServer(handler)
		res, err := http.Get(srv.URL)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the log ended as if it were complete", name)
		}
		srv.Close()
	}
}
