package loghttp

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Request is what a client asks for.
type Request struct {
	ci.LogRange
	Times bool // put its time before each line
}

// ParseRequest reads the query of a request for a log: from= and to= are line numbers,
// follow=1 waits for more, and times=1 puts its time before each line. The header
// Last-Event-ID, which names the last line that an interrupted client got, takes the place of
// from= (html.spec.whatwg.org/multipage/server-sent-events.html). The error wraps
// ci.ErrInvalid.
func ParseRequest(r *http.Request) (Request, error) {
	query := r.URL.Query()
	want := Request{
		LogRange: ci.LogRange{From: 1, Follow: query.Get("follow") == "1", Notes: true},
		Times:    query.Get("times") == "1",
	}
	for name, number := range map[string]*int64{"from": &want.From, "to": &want.To} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return want, fmt.Errorf("%w: %s=%.40s is not a line number. Write a number from 1", ci.ErrInvalid, name, text)
		}
		*number = n
	}
	last, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err == nil && last > 0 {
		want.From = last + 1
	}
	return want, nil
}
