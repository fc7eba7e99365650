package loghttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Logbook reads logs. logs.Store is one.
type Logbook interface {
	Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error
}

// Server answers requests for logs. Both fields are required.
type Server struct {
	Logbook Logbook
	Log     *slog.Logger
}

// timeFormat is that of the kubelet's timestamps.
const timeFormat = "2006-01-02T15:04:05.000000000Z07:00"

// LineText returns the text of a line, with its time before it if times is true. Notes have no
// time, and neither has the rest of a line of which the beginning was handed on before.
func LineText(l ci.LogLine, times bool) []byte {
	if !times || l.Time.IsZero() {
		return l.Shown()
	}
	return append(append(l.Time.AppendFormat(nil, timeFormat), ' '), l.Text...)
}

// Text answers with a log as plain text.
func (s Server) Text(w http.ResponseWriter, r *http.Request, id ci.LogID, want Request) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "private, no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	out := newStream(w)
	if want.Follow {
		defer out.start(r.Context(), "")()
	}
	inside := false // the last line has not ended
	err := s.Logbook.Read(r.Context(), id, want.LogRange, func(l ci.LogLine) error {
		text := LineText(l, want.Times)
		if l.Note && inside {
			text = append([]byte("\n"), text...)
		}
		inside = !l.Ends()
		return out.write(text)
	})
	s.end(r, errors.Join(err, out.extend()))
}

// Event is a server-sent event.
type Event struct {
	ID   int64  // number of a line; a client that lost the connection resumes behind it. 0: none
	Name string // empty: "message", as is usual
	Data any    // is sent as JSON
}

// Events answers with the server-sent events that source sends, until it returns. In silence
// it sends comments, so that no proxy gives up.
func (s Server) Events(w http.ResponseWriter, r *http.Request, source func(send func(Event) error) error) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Accel-Buffering", "no") // tells nginx to pass on each event at once
	out := newStream(w)
	defer out.start(r.Context(), ": still here\n\n")()
	err := source(func(e Event) error {
		text, err := e.encode()
		if err != nil {
			return err
		}
		return out.write(text)
	})
	s.end(r, errors.Join(err, out.extend()))
}

// encode returns the event as it is sent. JSON has no line feeds, so one data field is
// enough, and a log may hold anything.
func (e Event) encode() ([]byte, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, err
	}
	var text []byte
	if e.ID > 0 {
		text = fmt.Appendf(text, "id: %d\n", e.ID)
	}
	if e.Name != "" {
		text = fmt.Appendf(text, "event: %s\n", e.Name)
	}
	return fmt.Appendf(text, "data: %s\n\n", data), nil
}

// end breaks the connection of an answer that could not be given to its end, so that it does
// not look complete.
func (s Server) end(r *http.Request, err error) {
	if err != nil && r.Context().Err() == nil {
		s.Log.Warn("log was not served to its end", "path", r.URL.Path, "err", err)
		panic(http.ErrAbortHandler)
	}
}
