package httpserver

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However often and at once somebody asks, what is asked about is asked once in a
// while; what is wrong is named, and its error told only to operators.
func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, broken := 0, errors.New("dial 10.0.0.7: refused")
		var err error
		r := NewReadiness(
			Check{"database", "does not answer", func(context.Context) error { asked++; return err }},
			Check{"github", "does not answer", func(ctx context.Context) error { return ctx.Err() }},
		)
		ask := func(operator bool, code int, body string) {
			t.Helper()
			w := httptest.NewRecorder()
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // who asks does not stay
			r.Handler(operator)(w, httptest.NewRequestWithContext(ctx, "GET", "/readyz", nil))
			if w.Code != code || w.Body.String() != body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, code, body)
			}
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { ask(false, 200, "ready\ndatabase: ok\ngithub: ok\n") })
		}
		wg.Wait()
		if asked != 1 {
			t.Errorf("the database was asked %d times", asked)
		}
		err = broken
		ask(false, 200, "ready\ndatabase: ok\ngithub: ok\n")
		time.Sleep(readinessFresh)
		ask(false, 503, "not ready\ndatabase: does not answer\ngithub: ok\n")
		ask(true, 503, "not ready\ndatabase: does not answer (dial 10.0.0.7: refused)\ngithub: ok\n")
		if asked != 2 {
			t.Errorf("the database was asked %d times", asked)
		}
	})
}
